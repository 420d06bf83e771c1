package decide

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/nodepool/fit"
)

// MachineState is what a provider says of a machine.
type MachineState string

// The states of machines.
const (
	Making   MachineState = "Making"
	Running  MachineState = "Running"
	Deleting MachineState = "Deleting"
	Failed   MachineState = "Failed"
)

// Machine is one that a provider has, or was asked for.
type Machine struct {
	// ID is the provider's, as in the node's spec.providerID; empty for one that
	// was asked for and has no identity yet.
	ID string
	// Name is that of its node, if it is known.
	Name  string
	State MachineState
	// Error says why it failed.
	Error string
	// Asked is when it was asked for; zero if that is not known.
	Asked time.Time
}

// Pool is a NodePool with what its provider says.
type Pool struct {
	Name   string
	UID    string
	Spec   v1alpha1.NodePoolSpec
	Status v1alpha1.NodePoolStatus
	// Ending says that the pool is being deleted: all its machines go.
	Ending bool

	Machines []Machine
	// Listed says that Machines is the provider's present answer; without one,
	// nothing is bought, given back or repaired. Trouble says what is wrong.
	Listed  bool
	Trouble string
	// Refused is why the provider made no machines when it was asked last, and
	// RefusedAt when that was; zero if it did.
	Refused   string
	RefusedAt time.Time
	// Template is an empty node as the provider would make it.
	Template *corev1.Node
}

// State is all that a decision is made from. Nothing of it is changed.
type State struct {
	Now        time.Time
	Pools      []Pool
	Nodes      []*corev1.Node
	Pods       []*corev1.Pod
	Budgets    []*policyv1.PodDisruptionBudget
	DaemonSets []*appsv1.DaemonSet
	Brakes     []v1alpha1.Brake
	// Owner is the topmost owner of a pod.
	Owner func(*corev1.Pod) v1alpha1.ObjectRef
	// Trouble says that what is seen of the cluster cannot be trusted, as when the
	// API server is not well. Then nothing is repaired or given back.
	Trouble string
	// Memory is what the last decision left.
	Memory Memory
	// Fit tries pods.
	Fit *fit.Scheduler
	// Name makes the n-th new machine's name for a pool.
	Name func(pool string, n int) string
}

// Memory is what a restart may forget.
type Memory struct {
	// Unneeded is since when a node has not been needed.
	Unneeded map[string]time.Time
	// Why is why a node stays, and Checked when that was found out.
	Why     map[string]string
	Checked map[string]time.Time
	// Recent are the times of the last actions, by pool and action.
	Recent map[string][]time.Time
	// Added and Stopped are when a pool's last node became Ready, and when its last
	// drain failed.
	Added, Stopped map[string]time.Time
	// Seen are nodes that were Ready once.
	Seen map[string]bool
	// Handled are the failures that were taken note of, by pool and machine.
	Handled map[string]time.Time
	// Next counts the names that were given.
	Next int
}

// Decision is what is to be done.
type Decision struct {
	Buy     []Purchase
	Drain   []Drain
	Evict   []Eviction
	Remove  []Removal
	Release []Release
	// Advice are actions that a mode or a hold keeps from being done.
	Advice []string
	Held   []Held
	// Statuses are the pools' new ones, by name.
	Statuses map[string]v1alpha1.NodePoolStatus
	Pods     []PodVerdict
	Nodes    []NodeVerdict
	Memory   Memory
}

// Purchase is machines to be made.
type Purchase struct {
	Pool  string
	Names []string
	Why   string
}

// Drain begins to empty a node.
type Drain struct {
	Pool, Node string
	Mark       Mark
}

// Mark is what a node that is being emptied bears.
type Mark struct {
	// For is ScaleDown, Repair or Deletion.
	For   string    `json:"for"`
	Why   string    `json:"why"`
	Since time.Time `json:"since"`
}

// Eviction asks a pod to leave a node that is being emptied.
type Eviction struct {
	Pod  *corev1.Pod
	Node string
}

// Removal gives a machine back, and takes its node out of the API.
type Removal struct {
	Pool    string
	Machine Machine
	Node    string // empty if it has none
	For     string
	Why     string
}

// Release ends a drain and lets pods on the node again.
type Release struct {
	Pool, Node, Why string
}

// Held is an action that a Brake stopped, or in its mode would have stopped.
type Held struct {
	Brake  string
	Action string
	Acts   bool
}

// PodVerdict is why a pod waits.
type PodVerdict struct {
	Namespace string             `json:"namespace"`
	Name      string             `json:"name"`
	Owner     v1alpha1.ObjectRef `json:"owner"`
	// Verdict is one of NodeComes, FitsNow, Held, NoPoolFits, Waits.
	Verdict string   `json:"verdict"`
	Why     []string `json:"why"`
}

// The verdicts on pods.
const (
	NodeComes  = "NodeComes"
	FitsNow    = "FitsNow"
	HeldBack   = "Held"
	NoPoolFits = "NoPoolFits"
	Waits      = "Waits"
)

// NodeVerdict is how a pool's node is, and why it stays or goes.
type NodeVerdict struct {
	Pool string `json:"pool"`
	Node string `json:"node"`
	// State is one of Making, Starting, Ready, Sick, Draining, Deleting, Failed.
	State string `json:"state"`
	Why   string `json:"why"`
}
