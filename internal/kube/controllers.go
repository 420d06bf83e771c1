package kube

import (
	"context"
	"fmt"
	"net"

	"k8s.io/kubernetes/cmd/kube-controller-manager/app"
	"k8s.io/kubernetes/cmd/kube-controller-manager/app/options"
	"k8s.io/kubernetes/cmd/kube-controller-manager/names"

	"github.com/bulkhead-k8s/bulkhead/internal/kube/pki"
)

// ControllerManager is kube-controller-manager.
type ControllerManager struct {
	upstream *options.KubeControllerManagerOptions
	built    chan struct{} // closed once all controllers have been built
}

// NewControllerManager turns settings into kube-controller-manager's options.
func NewControllerManager(o *Options) (*ControllerManager, error) {
	s, err := options.NewKubeControllerManagerOptions()
	if err != nil {
		return nil, fmt.Errorf("kube-controller-manager's options: %w", err)
	}
	// First: declaring a flag sets some of the options back to its default.
	flags := s.Flags(app.KnownControllers(), app.ControllersDisabledByDefault(), app.ControllerAliases())
	c := o.Config
	s.Generic.ClientConnection.Kubeconfig = o.kubeconfigPath(pki.ControllerManager)
	s.Generic.ClientConnection.QPS = -1
	// One server: nobody to elect against, and losing an election would end
	// the whole process.
	s.Generic.LeaderElection.LeaderElect = false

	// Not on by default: deletes tokens to join with once they have expired.
	s.Generic.Controllers = []string{"*", names.TokenCleanerController}

	s.SecureServing.BindAddress = net.IPv4(127, 0, 0, 1)
	s.SecureServing.ServerCert.CertKey.CertFile = o.PKI.File(pki.LoopbackServing)
	s.SecureServing.ServerCert.CertKey.KeyFile = o.PKI.File(pki.LoopbackServing)
	s.Authentication.ClientCert.ClientCA = o.PKI.ClientCA.CertFile
	s.Authentication.SkipInClusterLookup = true
	s.Authentication.RemoteKubeConfigFile = o.kubeconfigPath(pki.ControllerManager)
	s.Authorization.RemoteKubeConfigFile = o.kubeconfigPath(pki.ControllerManager)

	s.KubeCloudShared.AllocateNodeCIDRs = true
	s.KubeCloudShared.ClusterCIDR = c.ClusterCIDR
	s.KubeCloudShared.UseServiceAccountCredentials = true
	s.NodeIPAMController.ServiceCIDR = c.ServiceCIDR
	s.SAController.ServiceAccountKeyFile = o.PKI.ServiceAccountKeyFile
	s.SAController.RootCAFile = o.PKI.ServerCA.CertFile
	s.CSRSigningController.KubeletServingSignerConfiguration.CertFile = o.PKI.ServerCA.BundleFile
	s.CSRSigningController.KubeletServingSignerConfiguration.KeyFile = o.PKI.ServerCA.BundleFile
	s.CSRSigningController.KubeletClientSignerConfiguration.CertFile = o.PKI.ClientCA.BundleFile
	s.CSRSigningController.KubeletClientSignerConfiguration.KeyFile = o.PKI.ClientCA.BundleFile
	s.CSRSigningController.KubeAPIServerClientSignerConfiguration.CertFile = o.PKI.ClientCA.BundleFile
	s.CSRSigningController.KubeAPIServerClientSignerConfiguration.KeyFile = o.PKI.ClientCA.BundleFile
	s.CSRSigningController.LegacyUnknownSignerConfiguration.CertFile = o.PKI.ServerCA.BundleFile
	s.CSRSigningController.LegacyUnknownSignerConfiguration.KeyFile = o.PKI.ServerCA.BundleFile

	if err := parseArgs("kube-controller-manager-arg", flags, c.KubeControllerManagerArgs); err != nil {
		return nil, err
	}
	return &ControllerManager{upstream: s, built: make(chan struct{})}, nil
}

// Run runs the controllers until ctx ends. The API server must be ready.
func (m *ControllerManager) Run(ctx context.Context) error {
	c, err := m.upstream.Config(ctx, app.KnownControllers(), app.ControllersDisabledByDefault(), app.ControllerAliases())
	if err != nil {
		return fmt.Errorf("configure kube-controller-manager: %w", err)
	}
	// Upstream derives from this the clients with a controller's own token, and
	// leaves out whom a user name stands for, but not a URL.
	withinProcess(c.Kubeconfig, pki.ControllerManager)
	go m.watchBuilt(ctx)
	return app.Run(ctx, c.Complete())
}
