package record

import (
	"cmp"
	"time"
)

// Record is one thing that happened, or that was so, as observed.
type Record struct {
	// Time is when it happened, as well as the source knows; UTC.
	Time time.Time
	// Source names what observed it, as api, events, kernel, or a dump's file.
	Source string
	// Object is what it happened to. The zero Ref stands for the cluster.
	Object Ref
	// Owners is the chain of controllers above Object, nearest first, as far as
	// it is known: a pod's are its ReplicaSet and its Deployment.
	Owners []Ref
	// Node is where it happened, where that is one node.
	Node string
	// Payload is what was seen.
	Payload Payload
}

// Type is the payload's type.
func (r Record) Type() Type {
	if r.Payload == nil {
		return ""
	}
	return r.Payload.Type()
}

// Ref names an API object.
type Ref struct {
	// Group is that of the API, without version; empty for the core.
	Group     string `json:"group,omitempty"`
	Kind      string `json:"kind,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	// UID tells objects of the same name apart; empty where it is not known.
	UID string `json:"uid,omitempty"`
}

// String is kind/namespace/name, or kind/name for what has no namespace.
func (r Ref) String() string {
	switch {
	case r == Ref{}:
		return "cluster"
	case r.Namespace == "":
		return r.Kind + "/" + r.Name
	}
	return r.Kind + "/" + r.Namespace + "/" + r.Name
}

// Key is the reference without its UID: what people name the object by.
func (r Ref) Key() Ref {
	r.UID = ""
	return r
}

// Compare orders by group, kind, namespace, name and UID.
func (r Ref) Compare(o Ref) int {
	return cmp.Or(cmp.Compare(r.Group, o.Group), cmp.Compare(r.Kind, o.Kind),
		cmp.Compare(r.Namespace, o.Namespace), cmp.Compare(r.Name, o.Name), cmp.Compare(r.UID, o.UID))
}
