package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// The names that pools leave on nodes.
const (
	// LabelNodePool is on every node of a pool, with the pool's name.
	LabelNodePool = "bulkhead.dev/nodepool"
	// AnnotationDrain is on a node that is being emptied: why and since when.
	AnnotationDrain = "bulkhead.dev/drain"
)

// The conditions of nodes beyond the kubelet's that repair rules know; True is bad.
const (
	NodeKernelDeadlock            = "KernelDeadlock"
	NodeReadonlyFilesystem        = "ReadonlyFilesystem"
	NodeContainerRuntimeUnhealthy = "ContainerRuntimeUnhealthy"
)

// The types of a NodePool's conditions. Each of the Held ones has since when, why,
// and is also an Event and a metric.
const (
	// ConditionProviderAnswers is False while machines cannot be listed or made.
	ConditionProviderAnswers = "ProviderAnswers"
	// ConditionScaleUpHeld is True while nodes that pods wait for are not bought.
	ConditionScaleUpHeld = "ScaleUpHeld"
	// ConditionScaleDownHeld is True while a node that is not needed stays.
	ConditionScaleDownHeld = "ScaleDownHeld"
	// ConditionRepairHeld is True while a sick node is not repaired.
	ConditionRepairHeld = "RepairHeld"
)

// NodePool is a set of machines of one shape, which grows for pods that find no
// room, shrinks when it is not needed, and mends its nodes.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.nodes,statuspath=.status.nodes
// +kubebuilder:resource:scope=Cluster,shortName=np
// +kubebuilder:printcolumn:name="Provider",type=string,JSONPath=`.spec.provider.type`
// +kubebuilder:printcolumn:name="Min",type=integer,JSONPath=`.spec.min`
// +kubebuilder:printcolumn:name="Max",type=integer,JSONPath=`.spec.max`
// +kubebuilder:printcolumn:name="Nodes",type=integer,JSONPath=`.status.nodes`
// +kubebuilder:printcolumn:name="Ready",type=integer,JSONPath=`.status.ready`
// +kubebuilder:printcolumn:name="ScaleUpHeld",type=string,JSONPath=`.status.conditions[?(@.type=="ScaleUpHeld")].reason`
// +kubebuilder:printcolumn:name="RepairHeld",type=string,JSONPath=`.status.conditions[?(@.type=="RepairHeld")].reason`
type NodePool struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   NodePoolSpec   `json:"spec"`
	Status NodePoolStatus `json:"status,omitempty"`
}

// NodePoolList is a list of NodePools.
//
// +kubebuilder:object:root=true
type NodePoolList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []NodePool `json:"items"`
}

// NodePoolSpec is what a pool is and how it may change.
//
// +kubebuilder:validation:XValidation:rule="self.min <= self.max",message="min is more than max"
type NodePoolSpec struct {
	// Min and Max bound the number of nodes.
	//
	// +kubebuilder:validation:Minimum=0
	Min int32 `json:"min"`
	// +kubebuilder:validation:Minimum=0
	Max int32 `json:"max"`
	// Nodes is a size that somebody fixed, between Min and Max; without it, pods
	// and use decide.
	//
	// +kubebuilder:validation:Minimum=0
	Nodes *int32 `json:"nodes,omitempty"`
	// Priority: where several pools could take a pod, the highest is chosen, and
	// among equals the expander of the first by name decides. Default 0.
	Priority int32 `json:"priority,omitempty"`

	// Machine is what a node has. A provider that describes its machines itself
	// comes first, and a node of the pool that was seen before both.
	Machine MachineShape `json:"machine,omitempty"`
	// Labels and Taints are on every node.
	Labels map[string]string `json:"labels,omitempty"`
	Taints []corev1.Taint    `json:"taints,omitempty"`
	// Provider makes and deletes machines.
	Provider PoolProvider `json:"provider"`

	// Brakes says whether Brakes are heeded. Ignore is for comparisons.
	//
	// +kubebuilder:validation:Enum=Heed;Ignore
	// +kubebuilder:default=Heed
	Brakes    BrakeUse       `json:"brakes,omitempty"`
	ScaleUp   ScaleUpRules   `json:"scaleUp,omitempty"`
	ScaleDown ScaleDownRules `json:"scaleDown,omitempty"`
	Repair    RepairRules    `json:"repair,omitempty"`
}

// BrakeUse says whether Brakes are heeded.
type BrakeUse string

// The uses of Brakes.
const (
	BrakesHeed   BrakeUse = "Heed"
	BrakesIgnore BrakeUse = "Ignore"
)

// MachineShape is what a node has.
type MachineShape struct {
	// Architecture is as in the label kubernetes.io/arch. Default that of this
	// machine.
	Architecture string `json:"architecture,omitempty"`
	// Resources are cpu, memory, pods, ephemeral-storage and extended resources.
	Resources corev1.ResourceList `json:"resources,omitempty"`
	// Reserved is the part of it that pods do not get.
	Reserved corev1.ResourceList `json:"reserved,omitempty"`
}

// ProviderType names a way to make machines.
type ProviderType string

// The providers.
const (
	ProviderLocal        ProviderType = "local"
	ProviderExternalGRPC ProviderType = "externalgrpc"
	ProviderCommand      ProviderType = "command"
	ProviderSimulated    ProviderType = "simulated"
)

// PoolProvider makes and deletes machines.
type PoolProvider struct {
	// Type: local (nodes in network namespaces of this machine), externalgrpc (a
	// server of cluster-autoscaler's protocol), command (programs that make, delete
	// and list), simulated (nodes that exist in the API only).
	//
	// +kubebuilder:validation:Enum=local;externalgrpc;command;simulated
	Type         ProviderType          `json:"type"`
	Local        *LocalProvider        `json:"local,omitempty"`
	ExternalGRPC *ExternalGRPCProvider `json:"externalGRPC,omitempty"`
	Command      *CommandProvider      `json:"command,omitempty"`
	Simulated    *SimulatedProvider    `json:"simulated,omitempty"`
}

// LocalProvider makes nodes of this machine, each in a network namespace.
type LocalProvider struct {
	// Bridge joins the namespaces. Default bulkhead-pool.
	Bridge string `json:"bridge,omitempty"`
	// CIDR is the range of the nodes' addresses; the bridge has the first. Default
	// 10.88.0.0/24.
	CIDR string `json:"cidr,omitempty"`
}

// ExternalGRPCProvider is a server of cluster-autoscaler's externalgrpc protocol.
type ExternalGRPCProvider struct {
	// Address is HOST:PORT.
	Address string `json:"address"`
	// NodeGroup is the group's id at the server.
	NodeGroup string `json:"nodeGroup"`
	// CACert, Cert and Key are files for mutual TLS. Without them the connection
	// is in plain text, and must not leave the machine.
	CACert string `json:"caCert,omitempty"`
	Cert   string `json:"cert,omitempty"`
	Key    string `json:"key,omitempty"`
	// Timeout is that of one call. Default 5s.
	Timeout *metav1.Duration `json:"timeout,omitempty"`
}

// CommandProvider runs programs; docs/nodepools.md has what they get and give.
type CommandProvider struct {
	// Create, Delete and List are command lines, as a list of words.
	//
	// +kubebuilder:validation:MinItems=1
	Create []string `json:"create"`
	// +kubebuilder:validation:MinItems=1
	Delete []string `json:"delete"`
	// +kubebuilder:validation:MinItems=1
	List []string `json:"list"`
	// Env are further variables of their environment.
	Env map[string]string `json:"env,omitempty"`
	// Timeout is that of one run. Default 5m.
	Timeout *metav1.Duration `json:"timeout,omitempty"`
}

// SimulatedProvider makes nodes that exist in the API only.
type SimulatedProvider struct {
	// StartDelay is how long a machine takes until it is a node. Default 0.
	StartDelay *metav1.Duration `json:"startDelay,omitempty"`
	// Quota is how many machines there are; further ones fail, as at a cloud.
	// Default no bound.
	Quota *int32 `json:"quota,omitempty"`
}

// Limits are three bounds that hold together, each with a default that is on.
type Limits struct {
	// Rate is how many nodes at most within Per.
	//
	// +kubebuilder:validation:Minimum=0
	Rate *int32           `json:"rate,omitempty"`
	Per  *metav1.Duration `json:"per,omitempty"`
	// Parallel is how many nodes at most at once: a number, or a percentage of the
	// pool's nodes (for scale-up: of its max), rounded down, but at least 1.
	Parallel *intstr.IntOrString `json:"parallel,omitempty"`
	// Budget is how many nodes at most in any 24 clock hours.
	//
	// +kubebuilder:validation:Minimum=0
	Budget *int32 `json:"budget,omitempty"`
}

// Backoff is how long to wait after a failure: First, then twice as long each time
// up to Max. A First of 0 waits never.
type Backoff struct {
	First *metav1.Duration `json:"first,omitempty"`
	Max   *metav1.Duration `json:"max,omitempty"`
}

// Expander chooses among pools that could take the pods.
type Expander string

// The expanders.
const (
	ExpanderLeastWaste Expander = "LeastWaste"
	ExpanderMostPods   Expander = "MostPods"
	ExpanderPriority   Expander = "Priority"
	ExpanderRandom     Expander = "Random"
)

// ScaleUpRules say when nodes are bought.
type ScaleUpRules struct {
	// Mode: with Observe and Advise nothing is bought. Default Act.
	//
	// +kubebuilder:validation:Enum=Observe;Advise;Act
	Mode Mode `json:"mode,omitempty"`
	// Expander chooses among pools of equal priority. LeastWaste leaves the least
	// cpu and memory unused, MostPods takes the most pods, Priority takes the first
	// by name, Random any. Default LeastWaste.
	//
	// +kubebuilder:validation:Enum=LeastWaste;MostPods;Priority;Random
	Expander Expander `json:"expander,omitempty"`
	// PodDelay is how long a pod waits before a node is bought for it. Default 0.
	PodDelay *metav1.Duration `json:"podDelay,omitempty"`
	// ProvisionTimeout is how long a machine may take until its node is Ready.
	// Default 15m.
	ProvisionTimeout *metav1.Duration `json:"provisionTimeout,omitempty"`
	// AfterHelp: an owner none of whose pods is Ready gets its next nodes only when
	// a pod of it has become Ready on one of the last. Default true.
	AfterHelp *bool `json:"afterHelp,omitempty"`
	// Backoff follows nodes that did not come or did not help, for the owner that
	// they were bought for. Default 5m, 30m.
	Backoff Backoff `json:"backoff,omitempty"`
	// OwnerBudget is how many nodes at most are bought for one owner in an hour.
	// Default 50.
	//
	// +kubebuilder:validation:Minimum=0
	OwnerBudget *int32 `json:"ownerBudget,omitempty"`
	// Limits default to 20 per 1m, 50% at once, 4 times max in 24 hours.
	Limits Limits `json:"limits,omitempty"`
}

// ScaleDownRules say when nodes are given back.
type ScaleDownRules struct {
	// Mode: with Observe and Advise nothing is given back. Default Act.
	//
	// +kubebuilder:validation:Enum=Observe;Advise;Act
	Mode Mode `json:"mode,omitempty"`
	// Utilization: a node is not needed if its pods, without those of DaemonSets,
	// request less than this percentage of its cpu and of its memory and would fit
	// on others. Default 50.
	//
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	Utilization *int32 `json:"utilization,omitempty"`
	// UnneededFor is how long that must have been so. Default 10m.
	UnneededFor *metav1.Duration `json:"unneededFor,omitempty"`
	// AfterAdd and AfterFailure are pauses after a node came, and after a drain
	// that failed. Defaults 10m, 3m.
	AfterAdd     *metav1.Duration `json:"afterAdd,omitempty"`
	AfterFailure *metav1.Duration `json:"afterFailure,omitempty"`
	// DrainTimeout is how long a drain may take. Default 10m.
	DrainTimeout *metav1.Duration `json:"drainTimeout,omitempty"`
	// Drains is how many nodes with pods are emptied at once; empty ones count for
	// Limits only. Default 1.
	//
	// +kubebuilder:validation:Minimum=0
	Drains *int32 `json:"drains,omitempty"`
	// EvictLocalData: pods with emptyDir or hostPath volumes do not keep a node.
	// Default false.
	EvictLocalData bool `json:"evictLocalData,omitempty"`
	// Limits default to 10 per 1m, 10 at once, 4 times max in 24 hours.
	Limits Limits `json:"limits,omitempty"`
}

// RepairRule is a sign of a sick node.
type RepairRule struct {
	// Condition is a node condition's type, as DiskPressure, or Registered: the
	// machine has become a Ready node in time.
	Condition string `json:"condition"`
	// Status are those that are bad.
	//
	// +kubebuilder:validation:MinItems=1
	Status []corev1.ConditionStatus `json:"status"`
	// After is how long it must have been so.
	After metav1.Duration `json:"after"`
}

// Correlation is when failures are not the nodes' own.
type Correlation struct {
	// Nodes: if more than this went bad within Window, nothing is repaired. A
	// number, or a percentage of the cluster's nodes, rounded down, but at least 2.
	// Default 5%.
	Nodes *intstr.IntOrString `json:"nodes,omitempty"`
	// Window defaults to 5m.
	Window *metav1.Duration `json:"window,omitempty"`
}

// RepairRules say when nodes are drained and made anew.
type RepairRules struct {
	// Mode: with Observe and Advise nothing is repaired. Default Advise.
	//
	// +kubebuilder:validation:Enum=Observe;Advise;Act
	Mode Mode `json:"mode,omitempty"`
	// Rules default to Ready (False or Unknown) for 5m, DiskPressure, MemoryPressure
	// and PIDPressure for 10m, KernelDeadlock, ReadonlyFilesystem and
	// ContainerRuntimeUnhealthy for 5m, and Registered for scaleUp.provisionTimeout.
	Rules []RepairRule `json:"rules,omitempty"`
	// MaxUnhealthy: if more of the pool's nodes than this are bad or under repair,
	// nothing is repaired. A number, or a percentage of the registered nodes,
	// rounded down, but at least 1. Nodes that never registered do not count.
	// Default 40%.
	MaxUnhealthy *intstr.IntOrString `json:"maxUnhealthy,omitempty"`
	Correlation  Correlation         `json:"correlation,omitempty"`
	// StormCooldown is how long nothing is repaired after MaxUnhealthy or
	// Correlation held. Default 10m.
	StormCooldown *metav1.Duration `json:"stormCooldown,omitempty"`
	// DrainTimeout is how long a sick node may take to be emptied before it is
	// removed with what is left on it. Default 10m.
	DrainTimeout *metav1.Duration `json:"drainTimeout,omitempty"`
	// Backoff follows a repair whose new node went bad within an hour. Default 10m,
	// 2h.
	Backoff Backoff `json:"backoff,omitempty"`
	// Limits default to 1 per 5m, 10% at once, as many as max in 24 hours.
	Limits Limits `json:"limits,omitempty"`
}
