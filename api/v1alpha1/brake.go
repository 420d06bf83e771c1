package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Action is an automatic action that a Brake holds.
type Action string

// The actions that can be held.
const (
	// ActionScaleUp is buying nodes for the target's pods, and more replicas by an
	// autoscaler.
	ActionScaleUp Action = "ScaleUp"
	// ActionRepair is draining, restarting or replacing the target, a Node or a
	// NodePool.
	ActionRepair Action = "Repair"
	// ActionSpread is placing the target's pods on nodes that it has not reached.
	ActionSpread Action = "Spread"
	// ActionRestart is starting the target's containers again.
	ActionRestart Action = "Restart"
	// ActionRollout is replacing the target's pods by those of a new revision.
	ActionRollout Action = "Rollout"
	// ActionDisruption is evicting the target's pods, as for a drain or a
	// scale-down.
	ActionDisruption Action = "Disruption"
	// ActionDiskUse is writing more cores and files to a node's disk.
	ActionDiskUse Action = "DiskUse"
)

// Mode says how far something that acts may go.
type Mode string

// The modes.
const (
	// ModeObserve records what would be done.
	ModeObserve Mode = "Observe"
	// ModeAdvise tells it to people, too.
	ModeAdvise Mode = "Advise"
	// ModeAct does it.
	ModeAct Mode = "Act"
)

// LabelHolds is on Brakes that hold now; its value is the action. Admission policies
// select by it.
const LabelHolds = "bulkhead.dev/holds"

// FinalizerUndo keeps a Brake that was deleted until what it changed is taken back.
const FinalizerUndo = "bulkhead.dev/undo"

// The types of a Brake's conditions.
const (
	// ConditionHolding is True while the action is held.
	ConditionHolding = "Holding"
	// ConditionEnforced is True while all that the hold takes in this cluster is in
	// place; else it says what is not.
	ConditionEnforced = "Enforced"
	// ConditionUndone is True once all that the brake changed is as before.
	ConditionUndone = "Undone"
)

// Brake holds one automatic action on one target, for a stated reason, until a
// stated time. The containment makes them, and so may a person: it is a named
// request to pause. Whatever scales, repairs, places or evicts looks for Brakes on
// its target first.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster
// +kubebuilder:printcolumn:name="Action",type=string,JSONPath=`.spec.action`
// +kubebuilder:printcolumn:name="Kind",type=string,JSONPath=`.spec.target.kind`
// +kubebuilder:printcolumn:name="Namespace",type=string,JSONPath=`.spec.target.namespace`
// +kubebuilder:printcolumn:name="Name",type=string,JSONPath=`.spec.target.name`
// +kubebuilder:printcolumn:name="Mode",type=string,JSONPath=`.spec.mode`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.spec.reason`
// +kubebuilder:printcolumn:name="Until",type=string,JSONPath=`.spec.until`
// +kubebuilder:printcolumn:name="Held",type=integer,JSONPath=`.status.held`
type Brake struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   BrakeSpec   `json:"spec"`
	Status BrakeStatus `json:"status,omitempty"`
}

// BrakeList is a list of Brakes.
//
// +kubebuilder:object:root=true
type BrakeList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []Brake `json:"items"`
}

// BrakeSpec is what is held, why and until when.
type BrakeSpec struct {
	// +kubebuilder:validation:Enum=ScaleUp;Repair;Spread;Restart;Rollout;Disruption;DiskUse
	Action Action `json:"action"`
	// Target is whose action: the workload that owns pods (its topmost owner, as a
	// Deployment), a Node, a NodePool, or a Namespace for all in it. Empty is
	// everything in the cluster.
	Target ObjectRef `json:"target,omitempty"`
	// Mode: the action is held only with Act; with the others it is told that it
	// would have been.
	//
	// +kubebuilder:validation:Enum=Observe;Advise;Act
	// +kubebuilder:default=Act
	Mode Mode `json:"mode,omitempty"`
	// Reason is a CamelCase name, Message a sentence.
	Reason  string `json:"reason"`
	Message string `json:"message,omitempty"`
	// RequestedBy is who holds: a person's name, or "containment".
	RequestedBy string `json:"requestedBy"`
	// Incident is what the containment answers to.
	Incident *ObjectRef `json:"incident,omitempty"`
	// Until is when the hold ends by itself.
	Until metav1.Time `json:"until"`
	// Policy names the ContainmentPolicy that wanted it; empty is the built-in one.
	Policy string `json:"policy,omitempty"`
	// Nodes are, for Spread, those that the target may still use.
	Nodes []string `json:"nodes,omitempty"`
	// DiskBytes is, for DiskUse, what each container of the target's new pods may
	// write to its node's disk, if it does not say so itself.
	DiskBytes int64 `json:"diskBytes,omitempty"`
	// CoreBytes is, for DiskUse, what the target's core dumps may take on each node;
	// none is removed for it. Zero leaves them to the node's own limits.
	CoreBytes int64 `json:"coreBytes,omitempty"`
	// Rollback is, for Rollout, that the target is also brought back to the
	// revision before.
	Rollback bool `json:"rollback,omitempty"`
	// Release ends the hold before its time. As long as its incident lasts, the
	// containment does not hold the same again.
	Release *Release `json:"release,omitempty"`
}

// Release is who ended a hold before its time, and when.
type Release struct {
	By string      `json:"by"`
	At metav1.Time `json:"at"`
}

// Holds says whether the action is held at a time: only in the mode Act, and not
// after its end or its release.
func (b *Brake) Holds(now time.Time) bool {
	return (b.Spec.Mode == ModeAct || b.Spec.Mode == "") && b.Active(now)
}

// Active says, of a brake in any mode, that it is neither over nor released.
func (b *Brake) Active(now time.Time) bool {
	return b.Spec.Release == nil && b.DeletionTimestamp == nil && now.Before(b.Spec.Until.Time)
}

// BrakeStatus is what the hold has done.
type BrakeStatus struct {
	// Evidence is why.
	Evidence []Evidence `json:"evidence,omitempty"`
	// Since is when the hold began.
	Since *metav1.Time `json:"since,omitempty"`
	// Before is how it was then: if it is worse later, the hold is ended.
	Before *Measure `json:"before,omitempty"`
	// Held is how many times it stopped, or would have stopped, something, LastHeld
	// when the last time was, and LastHeldAction what that would have done.
	Held           int64        `json:"held,omitempty"`
	LastHeld       *metav1.Time `json:"lastHeld,omitempty"`
	LastHeldAction string       `json:"lastHeldAction,omitempty"`
	// Undo is how to bring back what the brake has changed, last change first.
	Undo []Undo `json:"undo,omitempty"`

	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Measure is what a hold is judged by.
type Measure struct {
	// SickNodes are the nodes that are not ready or under pressure, FailingPods the
	// target's pods that fail, ReadyPods those of them that are ready, and
	// NeighboursDown the pods of others on its nodes that are not ready.
	SickNodes      int32 `json:"sickNodes"`
	FailingPods    int32 `json:"failingPods"`
	ReadyPods      int32 `json:"readyPods"`
	NeighboursDown int32 `json:"neighboursDown"`
}

// Undo is a change that was made, and the patch that takes it back.
type Undo struct {
	Object ObjectRef `json:"object"`
	// Resource is where the object is, as deployments.v1.apps.
	Resource string `json:"resource,omitempty"`
	// Done says what was changed, in words.
	Done string `json:"done"`
	// Patch is a JSON merge patch; empty if the object was made by the brake and is
	// to be deleted.
	Patch string `json:"patch,omitempty"`
	// Made is the JSON merge patch that made the change. It is taken back only while
	// the object still is as that says: what others changed since is theirs.
	Made string `json:"made,omitempty"`
	// Stays says that it is taken back by a release alone, and not by the brake's
	// end: what a rollback brought back would fail again.
	Stays bool `json:"stays,omitempty"`
}
