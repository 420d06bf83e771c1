package contain

import (
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/facts"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/rules"
)

// effects says what each kind of fact can lead to at the same object and at the
// nodes that it runs on, by the diagnosis' own table.
type effects map[string][]string

func readEffects() effects {
	e := effects{}
	for _, r := range rules.Table() {
		if r.Relation == rules.Same || r.Relation == rules.OnNode {
			e[r.Cause] = append(e[r.Cause], r.Effect)
		}
	}
	return e
}

// leads says whether a cause can lead to an effect.
func (e effects) leads(cause, effect string) bool {
	seen := map[string]bool{cause: true}
	for todo := []string{cause}; len(todo) > 0; todo = todo[1:] {
		if todo[0] == effect {
			return true
		}
		for _, next := range e[todo[0]] {
			if !seen[next] {
				seen[next] = true
				todo = append(todo, next)
			}
		}
	}
	return false
}

// What a workload can do to a node.
const (
	nodeLost = "NodeNotReady"
	diskFull = "NodeDiskPressure"
)

// hurtsNodes says whether a workload's failure can make nodes ill.
func (e effects) hurtsNodes(cause string) bool {
	return facts.WhoseFault(cause) != facts.Declaration && (cause == "NodeKiller" || e.leads(cause, nodeLost) || e.leads(cause, diskFull))
}
