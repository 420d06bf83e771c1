package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"

	"k8s.io/client-go/kubernetes"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/kube"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/addons/podnetwork"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/pki"
)

// startKubelet starts the kubelet as soon as containerd answers. It does not wait
// for the API server: its port is open already, so that the kubelet's requests
// are answered once it serves, and most of the kubelet's start needs none. It is
// authorised by the node authoriser, whose rules are compiled in.
func (d *Daemon) startKubelet() {
	d.work.Go("kubelet", func(ctx context.Context) error {
		select {
		case <-d.runtime.Ready():
			// First, so that no pod comes before its image.
			if err := d.runtime.LoadImages(ctx, d.config.ImageDir); err != nil && ctx.Err() == nil {
				slog.Error("not all images of the image folder are loaded", "dir", d.config.ImageDir, "err", err)
			}
			return d.kube.Kubelet.Run(ctx)
		case <-ctx.Done():
			return nil
		}
	})
}

// startNode brings up the rest of what runs pods on this machine, and returns
// when the node is ready and its addons answer.
func (d *Daemon) startNode(ctx context.Context, options *kube.Options, client kubernetes.Interface) error {
	d.work.Go("pods' addresses", func(ctx context.Context) error { return d.configurePodNetwork(ctx, client) })
	if err := d.startPodNetwork(options); err != nil {
		return err
	}
	d.startNodeProblems(client)
	addons, err := d.startNodeAddons(options)
	if err != nil {
		return err
	}
	end := d.stages.Begin("node ready")
	_, err = waitForNode(ctx, client, d.config.NodeName, hasAddress)
	if err == nil {
		d.work.Go("kube-proxy", d.kube.Proxy.Run)
		_, err = waitForNode(ctx, client, d.config.NodeName, readySince(d.started))
	}
	end(err)
	if err != nil {
		return err
	}
	return addons.wait(ctx, d.stages)
}

// configurePodNetwork gives the container runtime the node's range of pod
// addresses, as the controller manager assigned it.
func (d *Daemon) configurePodNetwork(ctx context.Context, client kubernetes.Interface) error {
	node, err := waitForNode(ctx, client, d.config.NodeName, hasPodCIDR)
	if err != nil {
		return err
	}
	if err := d.runtime.WriteCNIConfig(node.Spec.PodCIDR); err != nil {
		return err
	}
	slog.Info("pod network configured", "podCIDR", node.Spec.PodCIDR)
	<-ctx.Done() // the range does not change while the node exists
	return nil
}

// startPodNetwork connects this node's pods to those of others, once there are any.
func (d *Daemon) startPodNetwork(options *kube.Options) error {
	c := d.config
	if c.PodNetwork == config.PodNetworkNone {
		return nil
	}
	address, err := netip.ParseAddr(c.NodeIP)
	if err != nil {
		return fmt.Errorf("--node-ip %q: %w", c.NodeIP, err)
	}
	pods, err := netip.ParsePrefix(c.ClusterCIDR)
	if err != nil {
		return fmt.Errorf("--cluster-cidr %q: %w", c.ClusterCIDR, err)
	}
	if pods.Addr().Is6() || address.Is6() {
		slog.Warn("pods cannot reach those of other nodes: the network between nodes is of IPv4 only; --pod-network none says that it is not needed")
		return nil
	}
	network, err := podnetwork.New(podnetwork.Options{
		RestConfig: options.RESTConfig(pki.Bulkhead), NodeName: c.NodeName, NodeIP: address, Backend: c.PodNetwork, ClusterCIDR: pods,
	})
	if err != nil {
		return err
	}
	d.work.Go("pod network", network.Run)
	return nil
}

// expectedPodCIDR is the range that the first node of a new cluster will be
// assigned. Knowing it before the node exists lets containerd start with its
// network in place, so that the node is ready as soon as it registers.
func (d *Daemon) expectedPodCIDR() string {
	if d.config.Agent || !d.isNewCluster() {
		return "" // the runtime remembers the last one
	}
	prefix, err := netip.ParsePrefix(d.config.ClusterCIDR)
	if err != nil || !prefix.Addr().Is4() || prefix.Bits() > nodeCIDRBits {
		return ""
	}
	return netip.PrefixFrom(prefix.Masked().Addr(), nodeCIDRBits).String()
}

// nodeCIDRBits is the controller manager's default --node-cidr-mask-size.
const nodeCIDRBits = 24

// firstAddress is the address of the Service kubernetes.default in a range.
func firstAddress(cidr string) (string, error) {
	prefix, err := netip.ParsePrefix(cidr)
	if err != nil {
		return "", fmt.Errorf("--service-cidr %q: %w", cidr, err)
	}
	return prefix.Masked().Addr().Next().String(), nil
}
