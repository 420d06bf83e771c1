package kube

import (
	"os"
	"testing"

	proxyconfig "k8s.io/kubernetes/pkg/proxy/apis/config"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/pki"
)

// proxyOptions are those of a cluster in dir.
func proxyOptions(t *testing.T, dir string) *Options {
	t.Helper()
	c := config.Default()
	c.DataDir, c.NodeName, c.NodeIP = dir, "node", "192.0.2.1"
	if err := c.Complete(); err != nil {
		t.Fatal(err)
	}
	return &Options{Config: c, PKI: &pki.Store{}}
}

func TestProxySettings(t *testing.T) {
	for _, test := range []struct {
		name      string
		change    func(*config.Config)
		metrics   string
		upstreams bool
	}{
		{"default", func(*config.Config) {}, "127.0.0.1:10249", false},
		{"a flag that changes no rule", func(c *config.Config) { c.KubeProxyArgs = []string{"metrics-bind-address=127.0.0.1:1"} }, "127.0.0.1:1", false},
		{"another mode", func(c *config.Config) { c.KubeProxyArgs = []string{"proxy-mode=iptables"} }, "127.0.0.1:10249", true},
		{"more addresses for NodePorts", func(c *config.Config) { c.KubeProxyArgs = []string{"nodeport-addresses=all"} }, "127.0.0.1:10249", true},
		{"two families of Services", func(c *config.Config) {
			c.KubeAPIServerArgs = []string{"service-cluster-ip-range=10.43.0.0/16,fd00::/108"}
		}, "127.0.0.1:10249", true},
		{"Services of another family than the node", func(c *config.Config) { c.ServiceCIDR, c.ClusterDNS = "fd00::/108", "fd00::a" }, "127.0.0.1:10249", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := proxyOptions(t, t.TempDir())
			test.change(o.Config)
			p, err := NewProxy(o)
			if err != nil {
				t.Fatal(err)
			}
			if p.upstreams != test.upstreams || p.config.MetricsBindAddress != test.metrics {
				t.Errorf("upstream's command %v, metrics at %q: want %v, %q", p.upstreams, p.config.MetricsBindAddress, test.upstreams, test.metrics)
			}
			if c := p.config; c.HostnameOverride != "node" || c.BindAddress != "192.0.2.1" || *c.Linux.Conntrack.MaxPerCore != 0 || *c.Linux.Conntrack.Min != 0 {
				t.Errorf("settings were lost: %+v", c)
			}
			if info, err := os.Stat(p.settings); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("the file's mode: %v, %v", info, err)
			}
		})
	}
}

// The rules of a mode that is no longer set would stay for ever.
func TestProxyTakesAwayTheLastModesRules(t *testing.T) {
	o := proxyOptions(t, t.TempDir())
	for _, step := range []struct {
		args      []string
		mode      proxyconfig.ProxyMode
		upstreams bool
	}{
		{nil, proxyconfig.ProxyModeNFTables, false},
		{[]string{"proxy-mode=iptables"}, proxyconfig.ProxyModeIPTables, true},
		{nil, proxyconfig.ProxyModeNFTables, true},
		{nil, proxyconfig.ProxyModeNFTables, false},
	} {
		o.Config.KubeProxyArgs = step.args
		p, err := NewProxy(o)
		if err != nil {
			t.Fatal(err)
		}
		if p.config.Mode != step.mode || p.upstreams != step.upstreams {
			t.Errorf("with %q: mode %s, upstream's command %v: want %v", step.args, p.config.Mode, p.upstreams, step.upstreams)
		}
	}
}
