package dump

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// ownership is who controls whom, and what runs where, as far as the dump tells.
type ownership struct {
	owner map[record.Ref]record.Ref
	node  map[record.Ref]string
	uid   map[record.Ref]string
}

func newOwnership(states map[record.Ref]*state) ownership {
	o := ownership{make(map[record.Ref]record.Ref, len(states)), make(map[record.Ref]string, len(states)), make(map[record.Ref]string, len(states))}
	for ref, s := range states {
		o.uid[ref] = s.ref.UID
		if s.full != nil {
			if own := s.full.head.owner(); own.Name != "" {
				o.owner[ref] = own
			}
			if s.full.head.node != "" {
				o.node[ref] = s.full.head.node
			}
		}
		for _, v := range s.views {
			for _, r := range v.Object.GetOwnerReferences() {
				own := record.Ref{Group: groupOf(r.APIVersion), Kind: r.Kind, Namespace: ref.Namespace, Name: r.Name, UID: string(r.UID)}
				if _, known := o.owner[ref]; !known {
					o.owner[ref] = own
				}
			}
			if p, ok := v.Object.(*corev1.Pod); ok && p.Spec.NodeName != "" && o.node[ref] == "" {
				o.node[ref] = p.Spec.NodeName
			}
		}
		if ref.Kind == "Node" {
			o.node[ref] = ref.Name
		}
	}
	o.byName(states)
	return o
}

// byName finds owners that only tables show: a ReplicaSet names its pods after
// itself, and a Deployment its ReplicaSets, with a part that is made by chance.
func (o ownership) byName(states map[record.Ref]*state) {
	for ref, s := range states {
		if _, known := o.owner[ref]; known || s.full != nil {
			continue
		}
		i := strings.LastIndexByte(ref.Name, '-')
		if i <= 0 {
			continue
		}
		kinds := []string{"ReplicaSet", "StatefulSet", "DaemonSet"}
		switch ref.Kind {
		case "Pod":
		case "ReplicaSet":
			kinds = []string{"Deployment"}
		default:
			continue
		}
		for _, kind := range kinds {
			own := record.Ref{Group: "apps", Kind: kind, Namespace: ref.Namespace, Name: ref.Name[:i]}
			if _, there := states[own]; there {
				o.owner[ref] = own
				break
			}
		}
	}
}

// above is the chain of owners, nearest first.
func (o ownership) above(ref record.Ref) []record.Ref {
	var chain []record.Ref
	for range 8 { // a chain that comes back to itself ends
		own, ok := o.owner[ref]
		if !ok {
			return chain
		}
		if own.UID == "" {
			own.UID = o.uid[own]
		}
		chain = append(chain, own)
		ref = own.Key()
	}
	return chain
}
