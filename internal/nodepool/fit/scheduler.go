package fit

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/latest"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/nodevolumelimits"
	"k8s.io/kubernetes/pkg/scheduler/framework/runtime"
	"k8s.io/kubernetes/pkg/scheduler/metrics"
)

// profileName keeps what is counted here apart from the scheduler's own counts.
const profileName = "bulkhead-nodepools"

// filters are the plugins that say whether a pod fits a node, in the order in which
// the scheduler asks them.
var filters = []string{
	names.NodeUnschedulable, names.NodeName, names.TaintToleration, names.NodeAffinity, names.NodePorts, names.NodeResourcesFit,
	names.VolumeRestrictions, names.NodeVolumeLimits, names.VolumeBinding, names.VolumeZone, names.PodTopologySpread, names.InterPodAffinity,
}

// Scheduler tries pods on a cluster that it keeps in memory.
type Scheduler struct {
	ctx       context.Context
	framework framework.Framework
	cluster   *cluster
}

// New makes a scheduler with an empty cluster. The factory's informers tell of
// volumes, namespaces and the owners of pods, and those that are used are added to
// it: start it after this. ctx ends the scheduler.
func New(ctx context.Context, client kubernetes.Interface, factory informers.SharedInformerFactory) (*Scheduler, error) {
	if factory == nil {
		return nil, errors.New("make the fitting simulation: no informers")
	}
	s := &Scheduler{ctx: ctx, cluster: newCluster()}
	var err error
	s.framework, err = newFramework(ctx, client, factory, s.cluster)
	if err != nil {
		return nil, fmt.Errorf("make the fitting simulation: %w", err)
	}
	return s, nil
}

// newFramework makes upstream's framework with the plugins that filter, and that see
// the given cluster.
func newFramework(ctx context.Context, client kubernetes.Interface, factory informers.SharedInformerFactory, see fwk.SharedLister) (framework.Framework, error) {
	metrics.Register() // the framework counts, and does not check that it can
	defaults, err := latest.Default()
	if err != nil {
		return nil, fmt.Errorf("read the scheduler's defaults: %w", err)
	}
	set := func(list ...string) config.PluginSet {
		var s config.PluginSet
		for _, name := range list {
			s.Enabled = append(s.Enabled, config.Plugin{Name: name})
		}
		return s
	}
	profile := &config.KubeSchedulerProfile{
		SchedulerName: profileName,
		Plugins: &config.Plugins{
			QueueSort: set(names.PrioritySort), Bind: set(names.DefaultBinder), // the framework wants one of each
			PreFilter: set(names.NodeAffinity, names.NodePorts, names.NodeResourcesFit, names.VolumeRestrictions, names.NodeVolumeLimits,
				names.VolumeBinding, names.VolumeZone, names.PodTopologySpread, names.InterPodAffinity),
			Filter: set(filters...),
		},
		PluginConfig: defaults.Profiles[0].PluginConfig,
	}
	return runtime.NewFramework(ctx, plugins.NewInTreeRegistry(), profile,
		runtime.WithClientSet(client), runtime.WithInformerFactory(factory), runtime.WithSnapshotSharedLister(see),
		runtime.WithSharedCSIManager(nodevolumelimits.NewCSIManager(factory.Storage().V1().CSINodes().Lister())),
		runtime.WithParallelism(1))
}

// Load makes these nodes and the pods that are bound to them the cluster.
func (s *Scheduler) Load(nodes []*corev1.Node, pods []*corev1.Pod) {
	s.cluster.load(nodes, pods)
}

// AddNode adds a node, empty.
func (s *Scheduler) AddNode(node *corev1.Node) { s.cluster.addNode(node) }

// Nodes are the names of the nodes, in the order in which they came.
func (s *Scheduler) Nodes() []string {
	list := make([]string, len(s.cluster.nodes))
	for i, n := range s.cluster.nodes {
		list[i] = n.Node().Name
	}
	return list
}

// Requested is what the pods of a node ask for, in thousandths of cpu and bytes.
func (s *Scheduler) Requested(node string) (milliCPU, memory int64) {
	n, ok := s.cluster.node(node)
	if !ok {
		return 0, 0
	}
	r := n.GetRequested()
	return r.GetMilliCPU(), r.GetMemory()
}

// Exclude keeps First from choosing a node, until it is let in again or the next
// Load.
func (s *Scheduler) Exclude(node string, is bool) {
	if is {
		s.cluster.excluded[node] = true
	} else {
		delete(s.cluster.excluded, node)
	}
}

// Mark is a state to come back to with Revert.
type Mark int

// Mark remembers the present state.
func (s *Scheduler) Mark() Mark { return Mark(len(s.cluster.done)) }

// Revert takes back all changes since m, last first.
func (s *Scheduler) Revert(m Mark) { s.cluster.revert(int(m)) }
