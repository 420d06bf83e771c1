package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func parse(t *testing.T, file string, args ...string) (*Config, error) {
	t.Helper()
	c := Default()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	c.AddFlags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	return c, LoadFile(path, true, flags)
}

func TestFileAndFlagsShareNames(t *testing.T) {
	c, err := parse(t, `
node-name: from-file
https-listen-port: 7443
disable: [dns, metrics-server]
tls-san: one.example
secrets-encryption: false
kube-apiserver-arg:
- feature-gates=A=true,B=false
`, "--node-name=from-flag")
	if err != nil {
		t.Fatal(err)
	}
	if c.NodeName != "from-flag" {
		t.Errorf("node name %q: the command line must win over the file", c.NodeName)
	}
	if c.HTTPSListenPort != 7443 || c.SecretsEncryption || c.TLSSANs[0] != "one.example" {
		t.Errorf("file was not applied: %+v", c)
	}
	if c.Enabled(ComponentDNS) || !c.Enabled(ComponentLocalStorage) {
		t.Errorf("disable = %v", c.Disable)
	}
	if len(c.KubeAPIServerArgs) != 1 || c.KubeAPIServerArgs[0] != "feature-gates=A=true,B=false" {
		t.Errorf("a passed-on flag was split at its commas: %q", c.KubeAPIServerArgs)
	}
}

func TestFileErrorsNameTheSetting(t *testing.T) {
	for _, tc := range []struct{ file, want string }{
		{"node-nam: x", `no setting is called "node-nam"`},
		{"https-listen-port: many", "https-listen-port"},
		{"node-name: [a, b]", "want one value"},
		{"node-name: {a: b}", "want a value"},
		{"- a", "want YAML"},
		{"node-name: a\nnode-name: b", "want YAML"},
	} {
		if _, err := parse(t, tc.file); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: error %v, want one with %q", tc.file, err, tc.want)
		}
	}
}

func TestValidate(t *testing.T) {
	valid := func() *Config {
		c := Default()
		c.DataDir, c.NodeName, c.NodeIP = "/var/lib/bulkhead", "node", "192.0.2.1"
		if err := c.Complete(); err != nil {
			t.Fatal(err)
		}
		return c
	}
	if err := valid().Validate(); err != nil {
		t.Fatalf("defaults are refused: %v", err)
	}
	if got := valid().ClusterDNS; got != "10.43.0.10" {
		t.Errorf("cluster DNS = %s, want the tenth address", got)
	}
	for _, tc := range []struct {
		name string
		set  func(*Config)
		want string
	}{
		{"overlap", func(c *Config) { c.ServiceCIDR, c.ClusterDNS = "10.42.8.0/24", "10.42.8.10" }, "overlap"},
		{"dns outside", func(c *Config) { c.ClusterDNS = "10.1.1.1" }, "--cluster-dns"},
		{"port", func(c *Config) { c.HTTPSListenPort = 0 }, "--https-listen-port"},
		{"name", func(c *Config) { c.NodeName = "No_Good" }, "--node-name"},
		{"mode", func(c *Config) { c.WriteKubeconfigMode = "rw" }, "octal"},
		{"component", func(c *Config) { c.Disable = []string{"traefik"} }, "traefik"},
		{"long", func(c *Config) { c.DataDir = "/" + strings.Repeat("x", 80) }, "socket"},
		{"pod network", func(c *Config) { c.PodNetwork = "wireguard" }, "--pod-network"},
		{"snapshotter", func(c *Config) { c.Snapshotter = "zfs" }, "--snapshotter"},
	} {
		c := valid()
		tc.set(c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want one with %q", tc.name, err, tc.want)
		}
	}
}

func TestAgentHasTheSettingsOfAMachine(t *testing.T) {
	c := Default()
	c.Agent = true
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	c.AddAgentFlags(flags)
	if flags.Lookup("cluster-cidr") != nil {
		t.Error("an agent sets the cluster's ranges")
	}
	if err := flags.Parse([]string{"--server=https://127.0.0.1:6443", "--token=x", "--node-name=a"}); err != nil {
		t.Fatal(err)
	}
	if err := c.Complete(); err != nil {
		t.Fatal(err)
	}
	if c.NodeIP != "127.0.0.1" {
		t.Errorf("node address %s, want the one towards the server", c.NodeIP)
	}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	for _, server := range []string{"http://192.0.2.1", "192.0.2.1:6443", "https://", "https://192.0.2.1/api"} {
		c.Server = server
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "--server") {
			t.Errorf("server %q: error %v, want one that names --server", server, err)
		}
	}
}

func TestCgroupRootDiffersByDataDir(t *testing.T) {
	a, b := Config{DataDir: "/tmp/a"}, Config{DataDir: "/tmp/b"}
	if a.CgroupRoot() == b.CgroupRoot() {
		t.Errorf("two data directories share cgroup %s", a.CgroupRoot())
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte("node-name: a\ndisable: [dns]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		flags := pflag.NewFlagSet("fuzz", pflag.ContinueOnError)
		Default().AddFlags(flags)
		_ = load("fuzz.yaml", data, flags) // must not panic
	})
}
