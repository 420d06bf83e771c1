package dns

import (
	"fmt"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	// These register themselves under their names, for pluginOf.
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/loadbalance"
)

// pluginOf sets up one CoreDNS plugin from its part of a Corefile, apart from
// any CoreDNS instance: what an instance would call at its start and its end,
// the caller has to.
func pluginOf(name, corefile string) (plugin.Plugin, error) {
	setup, err := caddy.DirectiveAction("dns", name)
	if err != nil {
		return nil, fmt.Errorf("find CoreDNS plugin %s: %w", name, err)
	}
	c := caddy.NewTestController("dns", corefile)
	if err := setup(c); err != nil {
		return nil, fmt.Errorf("set up CoreDNS plugin %s: %w", name, err)
	}
	plugins := dnsserver.GetConfig(c).Plugin
	if len(plugins) != 1 {
		return nil, fmt.Errorf("set up CoreDNS plugin %s: got %d handlers, want 1", name, len(plugins))
	}
	return plugins[0], nil
}

// handlerOf is pluginOf for the last plugin of a chain.
func handlerOf(name, corefile string) (plugin.Handler, error) {
	p, err := pluginOf(name, corefile)
	if err != nil {
		return nil, err
	}
	return p(nil), nil
}

// kubernetesPlugin answers for the cluster's names. Its own setup function
// would make klog of the whole process write through CoreDNS's logger.
func kubernetesPlugin(domain string, config *rest.Config) (*kubernetes.Kubernetes, error) {
	c := caddy.NewTestController("dns", "kubernetes "+domain+` in-addr.arpa ip6.arpa {
		pods insecure
		fallthrough in-addr.arpa ip6.arpa
		ttl 30
	}`)
	c.Next() // to the plugin's name, where its parser expects to be
	k, err := kubernetes.ParseStanza(c)
	if err != nil {
		return nil, fmt.Errorf("set up CoreDNS plugin kubernetes: %w", err)
	}
	k.ClientConfig = inMemory{config}
	return k, nil
}

// inMemory hands a client configuration to the kubernetes plugin, which would
// read one from a file.
type inMemory struct{ config *rest.Config }

var _ clientcmd.ClientConfig = inMemory{}

func (m inMemory) ClientConfig() (*rest.Config, error)     { return rest.CopyConfig(m.config), nil }
func (m inMemory) RawConfig() (clientcmdapi.Config, error) { return clientcmdapi.Config{}, nil }
func (m inMemory) Namespace() (string, bool, error)        { return "", false, nil }
func (m inMemory) ConfigAccess() clientcmd.ConfigAccess    { return nil }
