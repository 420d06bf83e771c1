package contain

import (
	"time"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

// View is what of a cluster the containment looks at.
type View struct {
	Now       time.Time
	Workloads map[v1alpha1.ObjectRef]*Workload
	Nodes     map[string]*Node
	// OnNode are the pods of a node, by the node's name.
	OnNode map[string][]*Pod
}

// Workload is what owns pods: the topmost owner.
type Workload struct {
	Ref    v1alpha1.ObjectRef
	Labels map[string]string
	// NamespaceLabels are those of its namespace.
	NamespaceLabels map[string]string
	// Replicas is how many pods it should have; -1 if that is not known.
	Replicas int32
	Pods     []*Pod
	// Revision is the newest revision of its pods, RevisionSince when that came.
	// Empty if there are no revisions.
	Revision      string
	RevisionSince time.Time
	// Scaler is the name of the autoscaler of its pods, empty if there is none.
	Scaler string
	// CoreBytes is what its core dumps are together.
	CoreBytes int64
}

// Pod is one pod.
type Pod struct {
	Namespace, Name string
	Owner           *Workload
	Node            string
	Revision        string
	Since           time.Time
	Ready           bool
	// Pending says that it waits for a node.
	Pending bool
	// Stuck is why a container does not run, as CrashLoopBackOff; empty if all do.
	Stuck string
	// Failed says that the pod has run to a bad end, and why, as Evicted.
	Failed       bool
	FailedReason string
	Restarts     int32
	// Ends are the bad ends of its containers, as far as they are known.
	Ends []Exit
}

// Exit is a bad end of a container.
type Exit struct {
	Time time.Time
	// Signature says how it ended, so that like ends have like signatures: the stack
	// if there is one, else the exit and the last words.
	Signature string
	// Outside says that it was killed from outside: by a probe, an eviction, a node.
	Outside bool
}

// Node is one node.
type Node struct {
	Name string
	// Ill is why it is not well, as NotReady or DiskPressure; empty if it is well.
	Ill string
	// IllSince is when that began.
	IllSince time.Time
}

// sick is how many nodes are not well.
func (v *View) sick() int32 {
	n := int32(0)
	for _, node := range v.Nodes {
		if node.Ill != "" {
			n++
		}
	}
	return n
}
