package kube

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/kubernetes/cmd/kube-proxy/app"
	proxyconfig "k8s.io/kubernetes/pkg/proxy/apis/config"
	proxyconfigscheme "k8s.io/kubernetes/pkg/proxy/apis/config/scheme"

	"github.com/bulkhead-k8s/bulkhead/internal/kube/pki"
)

// Proxy is kube-proxy, in nftables mode unless an operator's flag says otherwise.
type Proxy struct {
	options *Options
	config  *proxyconfig.KubeProxyConfiguration
	// settings is the file that config was read from.
	settings string
	// upstreams says that it takes all of upstream's command.
	upstreams bool
}

// proxySettings is the name of the file.
const proxySettings = "kube-proxy.yaml"

// NewProxy turns settings into kube-proxy's configuration.
func NewProxy(o *Options) (*Proxy, error) {
	p := &Proxy{options: o, settings: o.path("config", proxySettings)}
	last, err := readProxyConfig(p.settings)
	first := errors.Is(err, fs.ErrNotExist)
	if err := o.writeProxyConfig(); err != nil {
		return nil, err
	}
	if p.config, err = readProxyConfig(p.settings); err != nil {
		return nil, err
	}
	// Another mode's rules are taken away by upstream's command.
	sameMode := first || last != nil && last.Mode == p.config.Mode
	p.upstreams = !sameMode || !ours(p.config, o.Config)
	return p, nil
}

// writeProxyConfig lets upstream make one configuration of our settings and of an
// operator's flags, which kube-proxy ignores next to a file that is given to it.
func (o *Options) writeProxyConfig() error {
	s := app.NewOptions()
	flags := pflag.NewFlagSet("kube-proxy", pflag.ContinueOnError)
	s.AddFlags(flags)
	s.WriteConfigTo = o.path("config", proxySettings+".new")
	c := o.Config
	settings := []string{
		"kubeconfig=" + o.kubeconfigPath(pki.Proxy),
		"kube-api-content-type=application/vnd.kubernetes.protobuf",
		"kube-api-qps=50",
		"hostname-override=" + c.NodeName,
		"bind-address=" + c.NodeIP,
		"healthz-bind-address=" + net.JoinHostPort(c.NodeIP, "10256"),
		"metrics-bind-address=127.0.0.1:10249",
		"proxy-mode=" + string(proxyconfig.ProxyModeNFTables),
		"cluster-cidr=" + c.ClusterCIDR,
		"detect-local-mode=" + string(proxyconfig.LocalModeClusterCIDR),
		// The host's limit stands: raising it needs rights that a container or
		// a restricted machine does not give, and would then end kube-proxy.
		"conntrack-max-per-core=0",
		"conntrack-min=0",
	}
	if err := parseFlagSet("kube-proxy-arg", flags, append(settings, c.KubeProxyArgs...)); err != nil {
		return err
	}
	if err := s.Complete(flags); err != nil {
		return fmt.Errorf("kube-proxy's options: %w", err)
	}
	if err := s.Validate(); err != nil {
		return fmt.Errorf("kube-proxy's options: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(s.WriteConfigTo), 0o700); err != nil {
		return fmt.Errorf("make the folder for settings: %w", err)
	}
	if err := s.Run(context.Background()); err != nil { // it writes the file, and nothing else
		return fmt.Errorf("write kube-proxy's settings: %w", err)
	}
	data, err := os.ReadFile(s.WriteConfigTo)
	if err == nil {
		_, err = o.writeSettings(proxySettings, data) // whole, or not at all
	}
	if err = errors.Join(err, os.Remove(s.WriteConfigTo)); err != nil {
		return fmt.Errorf("write kube-proxy's settings: %w", err)
	}
	return nil
}

func readProxyConfig(path string) (*proxyconfig.KubeProxyConfiguration, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read kube-proxy's settings: %w", err)
	}
	c := &proxyconfig.KubeProxyConfiguration{}
	if err := runtime.DecodeInto(proxyconfigscheme.Codecs.UniversalDecoder(), data, c); err != nil {
		return nil, fmt.Errorf("read kube-proxy's settings: %w", err)
	}
	return c, nil
}

// Run programs Services until ctx ends; the rules stay. The node must have
// registered, or upstream looks for it once a second.
func (p *Proxy) Run(ctx context.Context) error {
	run := p.runNFTables
	if p.upstreams {
		run = p.runUpstream
	}
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		// Upstream's loop has no end. What it was doing is nothing that a new
		// one would not do again.
		return nil
	}
}

// runUpstream runs kube-proxy as its command does: in every mode, and after the
// rules of a mode that is no longer set have been taken away.
func (p *Proxy) runUpstream(ctx context.Context) error {
	s := app.NewOptions()
	flags := pflag.NewFlagSet("kube-proxy", pflag.ContinueOnError)
	s.AddFlags(flags)
	s.ConfigFile = p.settings
	if err := s.Complete(flags); err != nil {
		return fmt.Errorf("kube-proxy's options: %w", err)
	}
	return s.Run(ctx)
}
