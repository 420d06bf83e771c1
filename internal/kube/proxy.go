package kube

import (
	"context"
	"fmt"
	"net"

	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	componentbaseconfig "k8s.io/component-base/config/v1alpha1"
	proxyv1alpha1 "k8s.io/kube-proxy/config/v1alpha1"
	"k8s.io/kubernetes/cmd/kube-proxy/app"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/bulkhead-k8s/bulkhead/internal/kube/pki"
)

// Proxy is kube-proxy in nftables mode.
type Proxy struct {
	upstream *app.Options
}

// NewProxy writes kube-proxy's configuration file and loads it.
func NewProxy(o *Options) (*Proxy, error) {
	path, err := o.writeProxyConfig()
	if err != nil {
		return nil, err
	}
	s := app.NewOptions()
	s.ConfigFile = path
	flags := pflag.NewFlagSet("kube-proxy", pflag.ContinueOnError)
	s.AddFlags(flags)
	if err := parseFlagSet("kube-proxy-arg", flags, o.Config.KubeProxyArgs); err != nil {
		return nil, err
	}
	if err := s.Complete(flags); err != nil {
		return nil, fmt.Errorf("kube-proxy's options: %w", err)
	}
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("kube-proxy's options: %w", err)
	}
	return &Proxy{upstream: s}, nil
}

func (o *Options) writeProxyConfig() (string, error) {
	configuration := proxyv1alpha1.KubeProxyConfiguration{
		TypeMeta:           metav1.TypeMeta{APIVersion: proxyv1alpha1.SchemeGroupVersion.String(), Kind: "KubeProxyConfiguration"},
		HostnameOverride:   o.Config.NodeName,
		BindAddress:        o.Config.NodeIP,
		HealthzBindAddress: net.JoinHostPort(o.Config.NodeIP, "10256"),
		MetricsBindAddress: "127.0.0.1:10249",
		ClientConnection: componentbaseconfig.ClientConnectionConfiguration{
			Kubeconfig:  o.kubeconfigPath(pki.Proxy),
			ContentType: "application/vnd.kubernetes.protobuf",
			QPS:         50,
		},
		Mode:            proxyv1alpha1.ProxyMode("nftables"),
		ClusterCIDR:     o.Config.ClusterCIDR,
		DetectLocalMode: proxyv1alpha1.LocalMode("ClusterCIDR"),
		// The host's limit stands: raising it needs rights that a container or
		// a restricted machine does not give, and would then end kube-proxy.
		Conntrack: proxyv1alpha1.KubeProxyConntrackConfiguration{
			MaxPerCore: ptr.To[int32](0),
			Min:        ptr.To[int32](0),
		},
	}
	data, err := yaml.Marshal(configuration)
	if err != nil {
		return "", fmt.Errorf("encode kube-proxy's configuration: %w", err)
	}
	return o.writeSettings("kube-proxy.yaml", data)
}

// Run programs Services until ctx ends; the rules stay. The node must have
// registered, or upstream looks for it once a second.
func (p *Proxy) Run(ctx context.Context) error {
	ended := make(chan error, 1)
	go func() { ended <- p.upstream.Run(ctx) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		// Upstream's loop has no end. What it was doing is nothing that a new
		// one would not do again.
		return nil
	}
}
