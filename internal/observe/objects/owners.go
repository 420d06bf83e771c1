package objects

import (
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// maxOwners is longer than any chain that is not a circle.
const maxOwners = 8

// owners knows who controls whom, of the kinds that own others.
type owners struct {
	mu sync.RWMutex
	by map[types.UID]record.Ref // the controller of the object with this UID
}

func newOwners() *owners { return &owners{by: map[types.UID]record.Ref{}} }

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
	o.mu.Unlock()
}

// chain is the controllers above an object, nearest first.
func (o *owners) chain(controller record.Ref) []record.Ref {
	if controller == (record.Ref{}) {
		return nil
	}
	o.mu.RLock()
	defer o.mu.RUnlock()
	out := []record.Ref{controller}
	for len(out) < maxOwners {
		up, ok := o.by[types.UID(out[len(out)-1].UID)]
		if !ok {
			break
		}
		out = append(out, up)
	}
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
