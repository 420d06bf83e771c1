package objects

import (
	"slices"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// maxOwners is longer than any chain that is not a circle.
const maxOwners = 8

// owners knows who controls whom, of the kinds that own others. Pods are too many:
// the store of pods knows their owners.
type owners struct {
	mu sync.Mutex
	by map[types.UID]record.Ref // the controller of the object with this UID
	// chains are those that were given last for a controller: all that it controls
	// share one.
	chains map[types.UID][]record.Ref
}

// maxChains is how many are remembered; beyond, they begin anew.
const maxChains = 1 << 16

func newOwners() *owners {
	return &owners{by: map[types.UID]record.Ref{}, chains: map[types.UID][]record.Ref{}}
}

// put notes the controller of an object, if it has one.
func (o *owners) put(uid types.UID, controller record.Ref) {
	if controller == (record.Ref{}) {
		return
	}
	o.mu.Lock()
	o.by[uid] = controller
	o.mu.Unlock()
}

func (o *owners) drop(uid types.UID) {
	o.mu.Lock()
	delete(o.by, uid)
	delete(o.chains, uid)
	o.mu.Unlock()
}

// chain is the controllers above an object, nearest first.
func (o *owners) chain(controller record.Ref) []record.Ref {
	if controller == (record.Ref{}) {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	out := []record.Ref{controller}
	for len(out) < maxOwners {
		up, ok := o.by[types.UID(out[len(out)-1].UID)]
		if !ok {
			break
		}
		out = append(out, up)
	}
	uid := types.UID(controller.UID)
	if last := o.chains[uid]; slices.Equal(last, out) {
		return last
	}
	if len(o.chains) >= maxChains {
		clear(o.chains)
	}
	o.chains[uid] = out
	return out
}

// controller is the reference to an object's controller; the zero Ref if none.
func controller(o metav1.Object) record.Ref {
	r := metav1.GetControllerOfNoCopy(o)
	if r == nil {
		return record.Ref{}
	}
	gv, err := schema.ParseGroupVersion(r.APIVersion)
	if err != nil {
		return record.Ref{}
	}
	return record.Ref{Group: gv.Group, Kind: r.Kind, Namespace: o.GetNamespace(), Name: r.Name, UID: string(r.UID)}
}
