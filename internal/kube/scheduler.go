package kube

import (
	"context"
	"fmt"
	"net"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
	componentbaseconfig "k8s.io/component-base/config/v1alpha1"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"
	"k8s.io/kubernetes/cmd/kube-scheduler/app"
	"k8s.io/kubernetes/cmd/kube-scheduler/app/options"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/bulkhead-k8s/bulkhead/internal/kube/pki"
)

// Scheduler is kube-scheduler.
type Scheduler struct {
	upstream *options.Options
}

// NewScheduler turns settings into kube-scheduler's options and configuration
// file.
func NewScheduler(o *Options) (*Scheduler, error) {
	s := options.NewOptions()
	path, err := o.writeSchedulerConfig()
	if err != nil {
		return nil, err
	}
	s.ConfigFile = path
	s.SecureServing.BindAddress = net.IPv4(127, 0, 0, 1)
	s.SecureServing.ServerCert.CertKey.CertFile = o.PKI.File(pki.LoopbackServing)
	s.SecureServing.ServerCert.CertKey.KeyFile = o.PKI.File(pki.LoopbackServing)
	s.Authentication.ClientCert.ClientCA = o.PKI.ClientCA.CertFile
	s.Authentication.SkipInClusterLookup = true
	s.Authentication.RemoteKubeConfigFile = o.kubeconfigPath(pki.Scheduler)
	s.Authorization.RemoteKubeConfigFile = o.kubeconfigPath(pki.Scheduler)
	if err := parseArgs("kube-scheduler-arg", *s.Flags, o.Config.KubeSchedulerArgs); err != nil {
		return nil, err
	}
	return &Scheduler{upstream: s}, nil
}

func (o *Options) writeSchedulerConfig() (string, error) {
	configuration := schedulerv1.KubeSchedulerConfiguration{
		TypeMeta: metav1.TypeMeta{APIVersion: schedulerv1.SchemeGroupVersion.String(), Kind: "KubeSchedulerConfiguration"},
		// One server: nobody to elect against.
		LeaderElection: componentbaseconfig.LeaderElectionConfiguration{LeaderElect: ptr.To(false)},
		ClientConnection: componentbaseconfig.ClientConnectionConfiguration{
			Kubeconfig:  o.kubeconfigPath(pki.Scheduler),
			ContentType: "application/vnd.kubernetes.protobuf",
			QPS:         -1,
		},
	}
	data, err := yaml.Marshal(configuration)
	if err != nil {
		return "", fmt.Errorf("encode kube-scheduler's configuration: %w", err)
	}
	return o.writeSettings("kube-scheduler.yaml", data)
}

// Run schedules until ctx ends. The API server must be ready; a node need not be:
// since Kubernetes 1.33 a pod that found none is tried again when one becomes
// ready, without the back-off of up to 75 s that it had (k3s issue 4340).
func (s *Scheduler) Run(ctx context.Context) error {
	var err error
	if s.upstream.InformerName, err = cache.NewInformerName("kube-scheduler"); err != nil {
		return fmt.Errorf("name kube-scheduler's informers: %w", err)
	}
	completed, scheduler, err := app.Setup(ctx, s.upstream)
	if err != nil {
		return fmt.Errorf("configure kube-scheduler: %w", err)
	}
	err = app.Run(ctx, completed, scheduler)
	if ctx.Err() != nil {
		return nil // upstream returns an error whenever it ends
	}
	return err
}
