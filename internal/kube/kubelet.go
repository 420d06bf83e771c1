package kube

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"
	v1 "k8s.io/api/core/v1"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/kubernetes"
	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/kubernetes/cmd/kubelet/app"
	"k8s.io/kubernetes/cmd/kubelet/app/options"
	"k8s.io/kubernetes/pkg/kubelet"
	kubeletconfig "k8s.io/kubernetes/pkg/kubelet/apis/config"
	"k8s.io/kubernetes/pkg/kubelet/eviction"
	"k8s.io/kubernetes/pkg/util/taints"

	"github.com/bulkhead-k8s/bulkhead/internal/kube/pki"
)

// Kubelet is the node's kubelet.
type Kubelet struct {
	options  *Options
	upstream *options.KubeletServer
	// volumesAfter holds back the volume plugins, see orderedProber; nil where
	// there are no controllers to wait for.
	volumesAfter <-chan struct{}
}

// NewKubelet turns settings into the kubelet's flags and configuration.
func NewKubelet(o *Options) (*Kubelet, error) {
	c := o.Config
	configuration, err := options.NewKubeletConfiguration()
	if err != nil {
		return nil, fmt.Errorf("the kubelet's options: %w", err)
	}
	flags := options.NewKubeletFlags()
	set := pflag.NewFlagSet("kubelet", pflag.ContinueOnError)
	flags.AddFlags(set) // first: declaring a flag may set its option back to the default
	options.AddKubeletConfigFlags(set, configuration)
	flags.HostnameOverride = c.NodeName
	flags.NodeIP = c.NodeIP
	flags.RootDirectory = o.path("kubelet")
	flags.CertDirectory = o.path("kubelet", "pki")
	flags.KubeConfig = o.kubeconfigPath(pki.Kubelet)
	for _, label := range c.NodeLabels {
		key, value, ok := strings.Cut(label, "=")
		if !ok {
			return nil, fmt.Errorf("--node-label %q: want key=value", label)
		}
		flags.NodeLabels[key] = value
	}

	k := configuration
	if k.RegisterWithTaints, err = parseTaints(c.NodeTaints); err != nil {
		return nil, err
	}
	k.Address = c.NodeIP
	k.ReadOnlyPort = 0
	if o.Member != nil {
		// Asked of the cluster, as the one that the kubelet is known by, and
		// renewed by the kubelet.
		k.ServerTLSBootstrap = true
		k.RotateCertificates = true
	} else {
		// Written by the daemon, which renews them; so no rotation.
		k.TLSCertFile = o.PKI.File(pki.KubeletServing)
		k.TLSPrivateKeyFile = o.PKI.File(pki.KubeletServing)
		k.RotateCertificates = false
	}
	k.Authentication.Anonymous.Enabled = false
	k.Authentication.Webhook.Enabled = true
	k.Authentication.X509.ClientCAFile = o.path("pki", "client-ca.crt")
	k.Authorization.Mode = kubeletconfig.KubeletAuthorizationModeWebhook
	k.ClusterDNS = []string{c.ClusterDNS}
	k.ClusterDomain = c.ClusterDomain
	k.ResolverConfig = c.ResolvConf
	k.ContainerRuntimeEndpoint = o.RuntimeEndpoint
	k.CgroupDriver = "cgroupfs"
	k.CgroupRoot = c.CgroupRoot()
	k.FailCgroupV1 = false
	k.FailSwapOn = false
	k.SerializeImagePulls = false
	k.EvictionHard = eviction.DefaultEvictionHard
	k.VolumePluginDir = o.path("kubelet", "volumeplugins")
	k.PodLogsDir = c.PodLogsDir()
	// Package netfilter makes the same rules, in one go with ours.
	k.MakeIPTablesUtilChains = false

	if err := parseFlagSet("kubelet-arg", set, c.KubeletArgs); err != nil {
		return nil, err
	}
	return &Kubelet{options: o, upstream: &options.KubeletServer{KubeletFlags: *flags, KubeletConfiguration: *k}}, nil
}

func parseTaints(specs []string) ([]v1.Taint, error) {
	parsed, remove, err := taints.ParseTaints(specs)
	if err != nil {
		return nil, fmt.Errorf("--node-taint: %w", err)
	}
	if len(remove) > 0 {
		return nil, fmt.Errorf("--node-taint %s-: a node registers with taints, it does not remove them", remove[0].Key)
	}
	return parsed, nil
}

// Run runs pods until ctx ends; their containers go on. The container runtime
// must answer.
func (k *Kubelet) Run(ctx context.Context) error {
	if err := os.MkdirAll(k.upstream.RootDirectory, 0o750); err != nil {
		return fmt.Errorf("make the kubelet's folder: %w", err)
	}
	dependencies, err := app.UnsecuredDependencies(ctx, k.upstream, utilfeature.DefaultFeatureGate)
	if err != nil {
		return fmt.Errorf("prepare the kubelet: %w", err)
	}
	if k.volumesAfter != nil {
		dependencies.DynamicPluginProber = orderedProber{dependencies.DynamicPluginProber, ctx, k.volumesAfter}
	}
	if k.options.Member == nil { // an agent's makes its own clients, which renew their certificate
		if err := k.connect(dependencies); err != nil {
			return err
		}
	}
	return app.Run(ctx, k.upstream, dependencies, utilfeature.DefaultFeatureGate)
}

// connect makes the clients that upstream would make of the kubeconfig, with a
// dialer of its own, which knows no API server in this process.
func (k *Kubelet) connect(dependencies *kubelet.Dependencies) error {
	s := k.upstream
	client := k.options.RESTConfig(pki.Kubelet)
	client.QPS, client.Burst = float32(s.KubeAPIQPS), int(s.KubeAPIBurst)
	events := rest.CopyConfig(client)
	events.QPS, events.Burst = float32(s.EventRecordQPS), int(s.EventBurst)
	if s.EventRecordQPS == 0 {
		events.QPS = -1 // no limit
	}
	heartbeat := rest.CopyConfig(client)
	heartbeat.QPS = -1
	heartbeat.Timeout = min(s.NodeStatusUpdateFrequency.Duration, time.Duration(s.NodeLeaseDurationSeconds)*time.Second)

	var errs [3]error
	dependencies.KubeClient, errs[0] = kubernetes.NewForConfig(client)
	dependencies.EventClient, errs[1] = corev1.NewForConfig(events)
	dependencies.HeartbeatClient, errs[2] = kubernetes.NewForConfig(heartbeat)
	dependencies.OnHeartbeatFailure = func() {} // there is no connection to close
	if err := errors.Join(errs[:]...); err != nil {
		return fmt.Errorf("make the kubelet's clients: %w", err)
	}
	return nil
}
