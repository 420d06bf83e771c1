package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// NodePoolStatus is how a pool is, and what it remembers so that a restart forgets
// neither failures nor what was spent.
type NodePoolStatus struct {
	// Target is how many nodes there are to be.
	Target int32 `json:"target,omitempty"`
	// Nodes is how many machines there are, those that are being made among them;
	// Ready how many of them are Ready nodes, Making how many are not nodes yet.
	Nodes  int32 `json:"nodes"`
	Ready  int32 `json:"ready"`
	Making int32 `json:"making,omitempty"`
	// Unhealthy is how many nodes are bad or under repair.
	Unhealthy int32 `json:"unhealthy,omitempty"`
	// Shortfall is by how much a node of the pool was seen to give less to pods than
	// was foretold: the next is foretold to be so, too.
	Shortfall corev1.ResourceList `json:"shortfall,omitempty"`

	// Attempts are what was bought for whom, and whether it helped.
	Attempts []Attempt `json:"attempts,omitempty"`
	// Repairs are those under way and the last ended ones.
	Repairs []Repair `json:"repairs,omitempty"`
	// Spent counts nodes by action and hour of the last 24.
	Spent []Spent `json:"spent,omitempty"`
	// Making and repairing pause after failures.
	Failures       int32        `json:"failures,omitempty"`
	NotBefore      *metav1.Time `json:"notBefore,omitempty"`
	RepairFailures int32        `json:"repairFailures,omitempty"`
	// StormUntil is when the pause after a storm ends.
	StormUntil *metav1.Time `json:"stormUntil,omitempty"`

	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Outcome is what became of a purchase or a repair.
type Outcome string

// The outcomes.
const (
	// OutcomePending: the nodes are on their way, or have no Ready pod yet.
	OutcomePending Outcome = "Pending"
	// OutcomeHelped: a pod of the owner became Ready on one of them.
	OutcomeHelped Outcome = "Helped"
	// OutcomeUseless: the nodes came, and no pod of the owner became Ready there.
	OutcomeUseless Outcome = "Useless"
	// OutcomeFailed: the nodes did not come.
	OutcomeFailed Outcome = "Failed"
)

// Attempt is what was bought for one owner.
type Attempt struct {
	Owner ObjectRef `json:"owner"`
	// Nodes are the machines of the last purchase, at most 16 names.
	Nodes []string `json:"nodes,omitempty"`
	// At is when that was, Count how many nodes were bought since Since, within an
	// hour.
	At    metav1.Time `json:"at"`
	Since metav1.Time `json:"since"`
	Count int32       `json:"count"`

	Outcome Outcome `json:"outcome"`
	// Failures in a row, and until when nothing is bought for the owner.
	Failures  int32        `json:"failures,omitempty"`
	NotBefore *metav1.Time `json:"notBefore,omitempty"`
}

// Repair is the replacement of one node.
type Repair struct {
	Node string `json:"node"`
	// Reason is the condition that was bad, Message what it said.
	Reason  string      `json:"reason"`
	Message string      `json:"message,omitempty"`
	Begun   metav1.Time `json:"begun"`
	// Removed is when the machine was given back, Ended when the pool had as many
	// Ready nodes as before, or the time for that was over.
	Removed *metav1.Time `json:"removed,omitempty"`
	Ended   *metav1.Time `json:"ended,omitempty"`
	Outcome Outcome      `json:"outcome"`
}

// Spent is how many nodes an action took in the hour that begins at Hour.
type Spent struct {
	// Action is ScaleUp, ScaleDown or Repair.
	Action string      `json:"action"`
	Hour   metav1.Time `json:"hour"`
	Count  int32       `json:"count"`
}
