package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// ContainmentPolicy says what may be done to keep a failing workload from taking
// others with it. Where no policy selects a workload, a built-in one applies: the
// default of each field.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Cluster
// +kubebuilder:printcolumn:name="Priority",type=integer,JSONPath=`.spec.priority`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type ContainmentPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec ContainmentPolicySpec `json:"spec,omitempty"`
}

// ContainmentPolicyList is a list of ContainmentPolicies.
//
// +kubebuilder:object:root=true
type ContainmentPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []ContainmentPolicy `json:"items"`
}

// ContainmentPolicySpec is whom a policy is for, and what it allows.
type ContainmentPolicySpec struct {
	// Priority decides where several policies select a workload: the highest
	// applies, of equal ones the first by name.
	Priority int32 `json:"priority,omitempty"`
	// Namespaces selects by the labels of the namespace, Workloads by those of the
	// workload. Without, all are selected.
	Namespaces *metav1.LabelSelector `json:"namespaces,omitempty"`
	Workloads  *metav1.LabelSelector `json:"workloads,omitempty"`

	// Brakes are the rules for each action; one that is not here has its defaults.
	//
	// +listType=map
	// +listMapKey=action
	Brakes []BrakeRule `json:"brakes,omitempty"`
	// Confidence is how sure, in percent, the diagnosis must be of whom it names.
	// Default 50.
	//
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	Confidence *int32 `json:"confidence,omitempty"`
	// Failures is how many ends of its containers within Window it takes: one or
	// two happen. Default 3 within 10 minutes.
	//
	// +kubebuilder:validation:Minimum=1
	Failures *int32           `json:"failures,omitempty"`
	Window   *metav1.Duration `json:"window,omitempty"`
	// NodeShare is how many nodes, or which share of all, one workload may make ill
	// before repair is held everywhere rather than on these; a share is rounded
	// down, and is one node at least. Default 20%.
	NodeShare *intstr.IntOrString `json:"nodeShare,omitempty"`
	// Rollback allows to bring a workload back to its former revision, if the new
	// one is the first cause. Default no: the rollout is only paused.
	Rollback bool `json:"rollback,omitempty"`
	// DiskBytes is what each container of a new pod of a failing workload may write
	// to its node's disk, where it does not say so itself. Default 1Gi.
	DiskBytes *resource.Quantity `json:"diskBytes,omitempty"`
	// CoreBytes is from how much of core dumps on one workload's disk use is held.
	// Default 1Gi.
	CoreBytes *resource.Quantity `json:"coreBytes,omitempty"`
	// Compartments give each workload nodes of its own in advance. Default none: a
	// workload is confined, once it fails, to the nodes that it has reached.
	Compartments *Compartments `json:"compartments,omitempty"`
	// MoveNeighbours allows to evict pods of others that are not ready from ill nodes
	// of a failing workload's compartment, one at a time, as far as their
	// PodDisruptionBudgets allow. It takes Spread in the mode Act. Default no.
	MoveNeighbours bool `json:"moveNeighbours,omitempty"`
	// Limits bound what is held.
	Limits *ContainmentLimits `json:"limits,omitempty"`
	// CoolDown is how long holds last on after the incident is closed. Default 5
	// minutes.
	CoolDown *metav1.Duration `json:"coolDown,omitempty"`
}

// BrakeRule is what is allowed of one action's brake.
type BrakeRule struct {
	// +kubebuilder:validation:Enum=ScaleUp;Repair;Spread;Restart;Rollout;Disruption;DiskUse
	Action Action `json:"action"`
	// Mode is Act by default for ScaleUp and Repair, which only wait, and Advise for
	// all that changes something.
	//
	// +kubebuilder:validation:Enum=Observe;Advise;Act
	Mode Mode `json:"mode,omitempty"`
	// Duration is how long it holds; while the incident lasts, it is prolonged.
	// Default 15 minutes.
	Duration *metav1.Duration `json:"duration,omitempty"`
}

// Compartments are nodes given to each workload in advance. Which these are
// follows from the workload's name and the nodes' alone (rendezvous hashing), so
// that two workloads seldom share all of theirs, and that a node that comes or goes
// changes few.
type Compartments struct {
	// Nodes is how many nodes, or which share of all, each workload may use; a share
	// is rounded up. One node at least.
	Nodes intstr.IntOrString `json:"nodes"`
}

// ContainmentLimits are three separate limits for what is held in the mode Act under
// a policy; what is beyond them is advised only.
type ContainmentLimits struct {
	// PerMinute is the rate: how many holds may begin in a minute. Default 20.
	//
	// +kubebuilder:validation:Minimum=0
	PerMinute *int32 `json:"perMinute,omitempty"`
	// AtOnce is how many may hold at the same time. Default 50.
	//
	// +kubebuilder:validation:Minimum=0
	AtOnce *int32 `json:"atOnce,omitempty"`
	// Total is how long all the prolongations of one hold may take together. Default
	// 4 hours.
	Total *metav1.Duration `json:"total,omitempty"`
}
