package v1alpha1

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// NoCauseRecorded is the reason of a first cause when nothing that was recorded
// explains the symptoms.
const NoCauseRecorded = "NoCauseRecorded"

// The types of an Incident's conditions.
const (
	// ConditionOpen is True while the symptoms last.
	ConditionOpen = "Open"
	// ConditionExplained is True if a first cause is known.
	ConditionExplained = "Explained"
)

// Incident is one failure with all that it led to: what failed first, how it
// spread, who is hit. Nobody writes it by hand; the diagnosis keeps its status.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,shortName=inc
// +kubebuilder:printcolumn:name="First Cause",type=string,JSONPath=`.status.firstCause.reason`
// +kubebuilder:printcolumn:name="Kind",type=string,JSONPath=`.status.firstCause.object.kind`
// +kubebuilder:printcolumn:name="Name",type=string,JSONPath=`.status.firstCause.object.name`
// +kubebuilder:printcolumn:name="Confidence",type=number,JSONPath=`.status.firstCause.confidence`
// +kubebuilder:printcolumn:name="Since",type=date,JSONPath=`.status.firstCause.since`
type Incident struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Status IncidentStatus `json:"status,omitempty"`
}

// IncidentList is a list of Incidents.
//
// +kubebuilder:object:root=true
type IncidentList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []Incident `json:"items"`
}

// IncidentStatus is the verdict.
type IncidentStatus struct {
	// FirstCause is what failed first. Its reason is NoCauseRecorded, and its
	// object empty, if nothing recorded explains the symptoms.
	FirstCause Cause `json:"firstCause"`
	// Candidates are the possible first causes, likeliest first; at most 5.
	Candidates []Cause `json:"candidates"`
	// Chain leads from the first cause to the symptoms, each link once.
	Chain []Link `json:"chain"`
	// BlastRadius is who is hit.
	BlastRadius BlastRadius `json:"blastRadius"`
	// RuledOut are facts that look like causes and are not.
	RuledOut []RuledOut `json:"ruledOut"`
	// NextSteps is what to do, in order.
	NextSteps []Step `json:"nextSteps"`

	// Severity orders incidents; the worst has the highest.
	Severity float64 `json:"severity,omitempty"`
	// Opened is when the first symptom was seen, Closed when the last one ended.
	Opened *metav1.Time `json:"opened,omitempty"`
	Closed *metav1.Time `json:"closed,omitempty"`

	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// ObjectRef names an object.
type ObjectRef struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// Words is the object as sentences name it: deployment/web in shop. What has no name
// is the cluster.
func (o ObjectRef) Words() string {
	if o.Name == "" {
		return "the cluster"
	}
	s := strings.ToLower(o.Kind) + "/" + o.Name
	if o.Namespace != "" {
		s += " in " + o.Namespace
	}
	return s
}

// Cause is a fact that may have come first.
type Cause struct {
	Object ObjectRef `json:"object"`
	// Reason is the fact's stable CamelCase name.
	Reason  string       `json:"reason"`
	Message string       `json:"message"`
	Since   *metav1.Time `json:"since,omitempty"`
	// Confidence is between 0 and 1: of the verdicts with 0.9, nine in ten are
	// right.
	Confidence float64    `json:"confidence"`
	Evidence   []Evidence `json:"evidence"`
}

// Evidence is one reason to believe it.
type Evidence struct {
	// Kind is where it comes from: state, event, log, alert, exit, change, time,
	// reach.
	Kind    string `json:"kind"`
	Message string `json:"message"`
	// Weight is what it adds to the confidence; negative if it speaks against.
	Weight float64      `json:"weight,omitempty"`
	Time   *metav1.Time `json:"time,omitempty"`
}

// Link is a step of the chain.
type Link struct {
	From       ObjectRef `json:"from"`
	FromReason string    `json:"fromReason"`
	To         ObjectRef `json:"to"`
	ToReason   string    `json:"toReason"`
	// Relation is how From and To belong together, as owns, runs-on, calls.
	Relation string       `json:"relation"`
	Sentence string       `json:"sentence"`
	Since    *metav1.Time `json:"since,omitempty"`
}

// BlastRadius is what the chain reached. The lists have at most 20 names each;
// the counts are whole.
type BlastRadius struct {
	Namespaces []string `json:"namespaces,omitempty"`
	Nodes      []string `json:"nodes,omitempty"`
	Workloads  []string `json:"workloads,omitempty"`
	Services   []string `json:"services,omitempty"`

	NodeCount     int `json:"nodeCount"`
	WorkloadCount int `json:"workloadCount"`
	ServiceCount  int `json:"serviceCount"`
	PodCount      int `json:"podCount"`
}

// RuledOut is a fact that is not the cause, and why.
type RuledOut struct {
	Object  ObjectRef `json:"object"`
	Reason  string    `json:"reason"`
	Message string    `json:"message"`
	Why     string    `json:"why"`
}

// Step is something to do.
type Step struct {
	Text    string `json:"text"`
	Command string `json:"command,omitempty"`
}
