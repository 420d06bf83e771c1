package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/bulkhead-k8s/bulkhead/internal/kube/pki"
)

const (
	nodeName    = "bench"
	serviceCIDR = "10.43.0.0/16"
	clusterCIDR = "10.42.0.0/16"
	clusterDNS  = "10.43.0.10"
	// dnsEndpoints is the EndpointSlice that leads to CoreDNS on the node.
	dnsEndpoints = "kube-dns-node"
)

// upstreamSide is upstream's own components, each its own process.
type upstreamSide struct {
	bin string // the folder with the programs that build.go builds
	// host is the folder with runc and cni/, which both sides share.
	host string
}

func (*upstreamSide) Name() string { return "upstream" }

func (*upstreamSide) Kubeconfig(g *ground) string { return kubeconfigOf(g, pki.Admin) }

func (u *upstreamSide) Binaries() []string {
	var paths []string
	for _, program := range upstreamPrograms {
		paths = append(paths, filepath.Join(u.bin, program.name))
	}
	return append(paths, filepath.Join(u.host, "runc"),
		filepath.Join(u.host, "cni", "bridge"), filepath.Join(u.host, "cni", "host-local"), filepath.Join(u.host, "cni", "portmap"))
}

// Prepare writes certificates, kubeconfigs and every setting, and imports the
// images: what kubeadm would have done.
func (u *upstreamSide) Prepare(ctx context.Context, g *ground, images *images) error {
	store, err := pki.Ensure(pki.Options{
		Dir: filepath.Join(g.dir, "pki"), NodeName: nodeName, NodeIP: nodeIP, ServiceIP: "10.43.0.1", ClusterDomain: "cluster.local",
	})
	if err != nil {
		return err
	}
	if err := u.writeSettings(g, store); err != nil {
		return err
	}
	for _, root := range cgroupRoots() {
		// The kubelet wants it to exist.
		if err := os.MkdirAll(filepath.Join(root, g.podsCgroup()), 0o755); err != nil {
			return fmt.Errorf("make the pods' cgroup: %w", err)
		}
	}
	return g.importInto(ctx, filepath.Join(u.bin, "containerd"), filepath.Join(g.dir, "containerd"),
		map[string]v1.Image{answerImage: images.answer, pauseImage: images.pause})
}

func (u *upstreamSide) Start(g *ground) (running, error) {
	gr := &group{}
	for _, c := range u.commandLines(g) {
		err := gr.run(c.program, func() (*exec.Cmd, error) {
			cmd, err := g.command(c.program, filepath.Join(u.bin, c.program), c.args...)
			if err == nil {
				// Where containerd looks for its shim.
				cmd.Env = append(os.Environ(), "PATH="+u.bin+":"+os.Getenv("PATH"))
			}
			return cmd, err
		})
		if err != nil {
			return gr, err
		}
	}
	return gr, nil
}

// Up is the same: there is no command that waits.
func (u *upstreamSide) Up(_ context.Context, g *ground) (running, error) { return u.Start(g) }

// Serving creates the Service by which pods reach CoreDNS on this node.
func (u *upstreamSide) Serving(ctx context.Context, client kubernetes.Interface) error {
	meta := metav1.ObjectMeta{Name: "kube-dns", Namespace: metav1.NamespaceSystem}
	if _, err := client.DiscoveryV1().EndpointSlices(meta.Namespace).Get(ctx, dnsEndpoints, metav1.GetOptions{}); err == nil {
		return nil // from before a restart
	}
	var ports []corev1.ServicePort
	var endpoints []discoveryv1.EndpointPort
	for _, protocol := range []corev1.Protocol{corev1.ProtocolUDP, corev1.ProtocolTCP} {
		name := "dns-" + string(protocol[0]|0x20)
		ports = append(ports, corev1.ServicePort{Name: name, Protocol: protocol, Port: 53})
		endpoints = append(endpoints, discoveryv1.EndpointPort{Name: &name, Protocol: &protocol, Port: ptr.To[int32](53)})
	}
	_, err := client.CoreV1().Services(meta.Namespace).Create(ctx, &corev1.Service{
		ObjectMeta: meta, Spec: corev1.ServiceSpec{ClusterIP: clusterDNS, Ports: ports},
	}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create the Service kube-dns: %w", err)
	}
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: dnsEndpoints, Namespace: meta.Namespace, Labels: map[string]string{discoveryv1.LabelServiceName: meta.Name}},
		AddressType: discoveryv1.AddressTypeIPv4, Ports: endpoints,
		Endpoints: []discoveryv1.Endpoint{{Addresses: []string{nodeIP}}},
	}
	_, err = client.DiscoveryV1().EndpointSlices(meta.Namespace).Create(ctx, slice, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create the endpoints of kube-dns: %w", err)
	}
	return nil
}
