package kube

import (
	"testing"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/membership"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/pki"
)

// Declaring upstream's flags once set --allocate-node-cidrs back to false, so
// that no node was given a range of pod addresses.
func TestSettingsOutliveTheDeclarationOfFlags(t *testing.T) {
	c := config.Default()
	c.DataDir, c.NodeName, c.NodeIP = t.TempDir(), "node", "192.0.2.1"
	if err := c.Complete(); err != nil {
		t.Fatal(err)
	}
	c.KubeControllerManagerArgs = []string{"node-eviction-rate=0.7"}
	store, err := pki.Ensure(pki.Options{Dir: c.DataDir + "/pki", NodeName: c.NodeName, NodeIP: c.NodeIP, ServiceIP: "10.43.0.1", ClusterDomain: c.ClusterDomain})
	if err != nil {
		t.Fatal(err)
	}
	o := &Options{Config: c, PKI: store}

	manager, err := NewControllerManager(o)
	if err != nil {
		t.Fatal(err)
	}
	shared := manager.upstream.KubeCloudShared
	if !shared.AllocateNodeCIDRs || shared.ClusterCIDR != c.ClusterCIDR || !shared.UseServiceAccountCredentials {
		t.Errorf("kube-controller-manager: allocate=%v cluster=%q credentials=%v", shared.AllocateNodeCIDRs, shared.ClusterCIDR, shared.UseServiceAccountCredentials)
	}
	if got := manager.upstream.NodeLifecycleController.NodeEvictionRate; got != 0.7 {
		t.Errorf("a flag that was passed on is %v, want 0.7", got)
	}

	server, err := NewAPIServer(o)
	if err != nil {
		t.Fatal(err)
	}
	if s := server.upstream; !s.AllowPrivileged || !s.EnableAggregatorRouting || s.ServiceClusterIPRanges != c.ServiceCIDR {
		t.Errorf("kube-apiserver: privileged=%v routing=%v range=%q", s.AllowPrivileged, s.EnableAggregatorRouting, s.ServiceClusterIPRanges)
	}

	kubelet, err := NewKubelet(o)
	if err != nil {
		t.Fatal(err)
	}
	if k := kubelet.upstream; k.HostnameOverride != c.NodeName || k.ReadOnlyPort != 0 || k.FailCgroupV1 || k.ClusterDomain != c.ClusterDomain {
		t.Errorf("kubelet: name=%q read-only port=%d failCgroupV1=%v domain=%q", k.HostnameOverride, k.ReadOnlyPort, k.FailCgroupV1, k.ClusterDomain)
	}
}

// An agent has one identity, which its kubelet asks the cluster for and renews.
func TestAgentsKubeletAsksForItsCertificates(t *testing.T) {
	c := config.Default()
	c.Agent, c.DataDir, c.NodeName, c.NodeIP = true, t.TempDir(), "node", "192.0.2.1"
	if err := c.Complete(); err != nil {
		t.Fatal(err)
	}
	o := &Options{Config: c, Member: &membership.Member{Server: "https://192.0.2.9:6443"}}
	kubelet, err := NewKubelet(o)
	if err != nil {
		t.Fatal(err)
	}
	if k := kubelet.upstream; !k.ServerTLSBootstrap || !k.RotateCertificates || k.TLSCertFile != "" || k.KubeConfig != membership.Kubeconfig(c.DataDir) {
		t.Errorf("kubelet: bootstrap=%v rotate=%v certificate=%q kubeconfig=%q", k.ServerTLSBootstrap, k.RotateCertificates, k.TLSCertFile, k.KubeConfig)
	}
	if got := o.kubeconfigPath(pki.Proxy); got != membership.Kubeconfig(c.DataDir) {
		t.Errorf("kube-proxy's kubeconfig is %q, want the node's", got)
	}
	if got := o.RESTConfig(pki.Bulkhead).Host; got != "https://192.0.2.9:6443" {
		t.Errorf("the daemon asks %q", got)
	}
}
