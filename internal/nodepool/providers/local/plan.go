package local

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	kubeletapis "k8s.io/kubelet/pkg/apis"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/localnode"
	"github.com/bulkhead-k8s/bulkhead/internal/nodepool/decide"
)

// What a pool's bridge is, unless it says otherwise.
const (
	defaultBridge = "bulkhead-pool"
	defaultCIDR   = "10.88.0.0/24"
)

// Cluster is what the agents of all local nodes are told.
type Cluster struct {
	// Server is the URL of the API server, as nodes reach it.
	Server string
	// ImageDir has archives of images for every new node.
	ImageDir    string
	ResolvConf  string
	Snapshotter string
	Verbosity   int
	// Taken are ranges that nodes must not be in: those of pods and of Services.
	Taken []netip.Prefix
}

// plan is what the nodes of one pool have in common.
type plan struct {
	pool    string
	network localnode.Network
	shape   shape
	labels  []string
	taints  []string
	// node is an empty one, as it comes.
	node *corev1.Node
}

// planFor says how a pool's nodes are made, or why they cannot be.
func planFor(pool string, spec v1alpha1.NodePoolSpec, host Machine, c Cluster) (*plan, error) {
	spec = decide.Complete(spec)
	p := &plan{pool: pool}
	var err error
	if p.network, err = networkOf(spec.Provider.Local, c.Taken); err != nil {
		return nil, err
	}
	if p.shape, err = cut(spec.Machine, host); err != nil {
		return nil, err
	}
	p.node = decide.Template(pool, spec, &corev1.Node{Status: corev1.NodeStatus{Capacity: p.shape.capacity, Allocatable: p.shape.allocatable}})
	p.node.Labels[corev1.LabelArchStable] = spec.Machine.Architecture
	given := maps.Clone(spec.Labels)
	if given == nil {
		given = map[string]string{}
	}
	given[v1alpha1.LabelNodePool] = pool
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if !mayGive(key) {
			return nil, fmt.Errorf("labels: the API server lets no node give itself the label %s; choose a name outside of kubernetes.io and k8s.io", key)
		}
		p.labels = append(p.labels, key+"="+given[key])
	}
	for _, t := range spec.Taints {
		p.taints = append(p.taints, t.Key+"="+t.Value+":"+string(t.Effect))
	}
	return p, nil
}

// mayGive says whether a kubelet may set a label of its own node, as upstream's
// admission plugin NodeRestriction has it.
func mayGive(key string) bool {
	namespace, _, _ := strings.Cut(key, "/")
	if namespace == key {
		return true // it has none
	}
	within := func(domain string) bool { return namespace == domain || strings.HasSuffix(namespace, "."+domain) }
	if within(corev1.LabelNamespaceNodeRestriction) {
		return false
	}
	return !within("kubernetes.io") && !within("k8s.io") || kubeletapis.IsKubeletLabel(key)
}

func networkOf(l *v1alpha1.LocalProvider, taken []netip.Prefix) (localnode.Network, error) {
	if l == nil {
		l = &v1alpha1.LocalProvider{}
	}
	prefix, err := netip.ParsePrefix(cmp.Or(l.CIDR, defaultCIDR))
	if err != nil {
		return localnode.Network{}, fmt.Errorf("provider.local.cidr %q: want a range such as %s", l.CIDR, defaultCIDR)
	}
	n := localnode.Network{Bridge: cmp.Or(l.Bridge, defaultBridge), Prefix: prefix.Masked()}
	if err := n.Validate(); err != nil {
		return n, fmt.Errorf("provider.local: %w", err)
	}
	for _, other := range taken {
		if other.Overlaps(n.Prefix) {
			return n, fmt.Errorf("provider.local.cidr %s overlaps with %s, which is the cluster's own; nodes need a range of theirs", n.Prefix, other)
		}
	}
	return n, nil
}

// record is what is noted of a new node.
func (p *plan) record(address netip.Addr) localnode.Record {
	return localnode.Record{Pool: p.pool, State: localnode.Making, Network: p.network, Address: address, DiskBytes: p.shape.diskBytes}
}

// settings are those of a node's agent, by the names of its flags.
func (p *plan) settings(c Cluster, name string, address netip.Addr, token string) map[string]any {
	settings := map[string]any{
		"server": c.Server, "node-name": name, "node-ip": address.String(),
		"node-label": p.labels, "kubelet-arg": append(slices.Clone(p.shape.kubelet), "provider-id="+idOf(p.pool, name)),
		"image-dir": c.ImageDir, "resolv-conf": c.ResolvConf, "snapshotter": c.Snapshotter, "v": c.Verbosity,
	}
	if len(p.taints) > 0 {
		settings["node-taint"] = p.taints
	}
	if token != "" {
		settings["token"] = token
	}
	return settings
}

// idOf is a node's spec.providerID.
func idOf(pool, name string) string { return "local://" + pool + "/" + name }

// validate refuses what the agent would.
func validate(place localnode.Place, address netip.Addr, c Cluster) error {
	agent := config.Default()
	agent.Agent, agent.DataDir, agent.NodeName, agent.NodeIP = true, place.DataDir(), place.Name, address.String()
	agent.Server, agent.Snapshotter = c.Server, c.Snapshotter
	if err := agent.Validate(); err != nil {
		return fmt.Errorf("node %s cannot be made: %w", place.Name, err)
	}
	return nil
}
