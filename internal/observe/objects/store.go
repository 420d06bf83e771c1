package objects

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/resource"
)

// store is where a kind's reflector puts what it sees. It hands everything on and
// keeps what tells news from repetitions.
type store struct {
	w    *Watcher
	kind resource.Kind

	mu     sync.Mutex
	known  map[storeKey]known
	listed bool
	// newest is the time of the last Event that was handed on, upTo the same with
	// those of a list that is not whole yet. When Events are listed anew, what is not
	// after newest was there before.
	newest, upTo time.Time
}

// known is what is kept of an object.
type known struct {
	uid    types.UID
	node   string // that a pod is on
	owners []record.Ref
	exits  map[string][2]string // the container IDs of the last recorded ends, newest first, by container
}

type storeKey = types.NamespacedName

var (
	_ cache.ReflectorStore    = (*store)(nil)
	_ cache.TransformingStore = (*store)(nil)
)

// handed stands for an object of a streamed list that was handed on as it came.
type handed struct{ namespace, name string }

// GetObjectMeta is asked for by the reflector, which gathers by name.
func (h *handed) GetObjectMeta() metav1.Object {
	return &metav1.ObjectMeta{Namespace: h.namespace, Name: h.name}
}

// Transformer is asked for when a list begins to be streamed, which the reflector
// gathers before it calls Replace. 100,000 whole pods take over a gigabyte: each is
// handed on at once, and gathered is only that it is there.
func (s *store) Transformer() cache.TransformFunc {
	s.mu.Lock()
	since := s.newest
	s.mu.Unlock()
	return func(obj any) (any, error) {
		o, ok := obj.(resource.Object)
		if !ok {
			return obj, nil
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if err := s.listedOne(o, since, s.w.opts.Now()); err != nil {
			return nil, err
		}
		return &handed{o.GetNamespace(), o.GetName()}, nil
	}
}

// listedOne hands an object of a list on. When Events are listed anew, those up to
// the last one of before were handed on then. mu is held.
func (s *store) listedOne(o resource.Object, since, now time.Time) error {
	records, err := s.observe(o, now)
	if err != nil || s.isEvents() && !since.IsZero() && !records[0].Time.After(since) {
		return err
	}
	s.w.hand(s.kind, records...)
	return nil
}

func (s *store) Add(obj any) error    { return s.put(obj) }
func (s *store) Update(obj any) error { return s.put(obj) }
func (s *store) Resync() error        { return nil }

func (s *store) put(obj any) error {
	o, ok := obj.(resource.Object)
	if !ok {
		return fmt.Errorf("watch %s: a %T", s.kind.Plural, obj)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	records, err := s.observe(o, s.w.opts.Now())
	if err != nil {
		return err
	}
	s.newest = s.upTo
	s.w.hand(s.kind, records...)
	return nil
}

// Delete is told of an object that is gone.
func (s *store) Delete(obj any) error {
	if gone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		obj = gone.Obj
	}
	o, ok := obj.(resource.Object)
	if !ok || s.isEvents() { // an Event that expires still was
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()}
	last := s.known[key]
	now := s.w.opts.Now()
	records, err := s.observe(o, now) // its last state has how its containers ended
	if err != nil {
		return err
	}
	r := s.gone(key, o.GetUID(), last.owners, now)
	r.Node = nodeOf(o)
	s.w.hand(s.kind, append(records, r)...)
	delete(s.known, key)
	s.w.owners.drop(o.GetUID())
	return nil
}

func (s *store) gone(key types.NamespacedName, uid types.UID, owners []record.Ref, now time.Time) record.Record {
	ref := s.kind.Ref(key.Namespace, key.Name)
	ref.UID = string(uid)
	return record.Record{Time: now.UTC(), Source: SourceAPI, Object: ref, Owners: owners, Payload: &record.State{Deleted: true}}
}

// Replace is given all objects of the kind, at the start and whenever the watch
// was lost for too long. All are handed on: who keeps them knows the old ones.
func (s *store) Replace(list []any, _ string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.w.opts.Now()
	there := make(map[types.NamespacedName]bool, len(list))
	since := s.newest
	for i, obj := range list {
		list[i] = nil // so that it can go while the rest is handed on
		if h, ok := obj.(*handed); ok {
			there[types.NamespacedName{Namespace: h.namespace, Name: h.name}] = true
			continue
		}
		o, ok := obj.(resource.Object)
		if !ok {
			continue
		}
		there[types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()}] = true
		if err := s.listedOne(o, since, now); err != nil {
			return err
		}
	}
	for key, k := range s.known {
		if !there[key] {
			s.w.hand(s.kind, s.gone(key, k.uid, k.owners, now))
			delete(s.known, key)
			s.w.owners.drop(k.uid)
		}
	}
	s.listed, s.newest = true, s.upTo
	if !s.isEvents() { // they expire: that one is not there says nothing
		s.w.hand(s.kind, record.Record{Time: now.UTC(), Source: SourceAPI, Object: record.Ref{Group: s.kind.Group, Kind: s.kind.Kind}, Payload: &record.Listing{Count: len(there)}})
	}
	s.w.synced(s.kind, len(there))
	return nil
}

func (s *store) isEvents() bool { return s.kind.Kind == "Event" }

// observe makes records of an object; mu is held.
func (s *store) observe(o resource.Object, now time.Time) ([]record.Record, error) {
	if e, ok := o.(*corev1.Event); ok {
		r := eventRecord(e)
		r.Owners = s.w.ownersOf(r.Object)
		if r.Time.After(s.upTo) {
			s.upTo = r.Time
		}
		return []record.Record{r}, nil
	}
	strip(o, s.w.opts.SecretKey)
	o.GetObjectKind().SetGroupVersionKind(s.kind.GroupVersionKind)
	whole, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", s.kind.Plural, err)
	}
	key := types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()}
	k := s.known[key]
	if k.uid != o.GetUID() {
		k = known{uid: o.GetUID()}
	}
	above := controller(o)
	if chain := s.chain(o.GetUID(), above); len(chain) >= len(k.owners) {
		k.owners = chain
	}
	ref := s.kind.Ref(o.GetNamespace(), o.GetName())
	ref.UID = string(o.GetUID())
	k.node = nodeOf(o)
	records := []record.Record{{Time: now.UTC(), Source: SourceAPI, Object: ref, Owners: k.owners, Node: k.node, Payload: &record.State{Whole: whole, Detail: record.Full}}}
	if pod, ok := o.(*corev1.Pod); ok {
		records = append(records, k.ends(pod, ref, now, s.w.logs)...)
	}
	s.known[key] = k
	return records, nil
}

// chain is who controls an object, nearest first; mu is held.
func (s *store) chain(uid types.UID, above record.Ref) []record.Ref {
	if s.kind.Kind == pod {
		return s.w.owners.chain(above)
	}
	s.w.owners.put(uid, above)
	if above.Kind == pod && above.Group == "" { // as of the claim of an ephemeral volume
		return append([]record.Ref{above}, s.w.ownersOf(above)...)
	}
	return s.w.owners.chain(above)
}

const pod = "Pod"

// ends are the ends of a pod's containers that were not recorded before.
func (k *known) ends(pod *corev1.Pod, ref record.Ref, now time.Time, logs *crashLogs) []record.Record {
	var out []record.Record
	for _, list := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses, pod.Status.EphemeralContainerStatuses} {
		for _, c := range list {
			for i, t := range []*corev1.ContainerStateTerminated{c.LastTerminationState.Terminated, c.State.Terminated} {
				if t == nil || t.ContainerID == "" || slices.Contains(recorded(k.exits, c.Name), t.ContainerID) {
					continue
				}
				if k.exits == nil {
					k.exits = map[string][2]string{}
				}
				k.exits[c.Name] = [2]string{t.ContainerID, k.exits[c.Name][0]}
				r := exitRecord(ref, pod.Spec.NodeName, c.Name, t, now)
				r.Owners = k.owners
				out = append(out, r)
				if logs != nil {
					logs.want(r, i == 0)
				}
			}
		}
	}
	return out
}

func recorded(exits map[string][2]string, container string) []string {
	ids := exits[container]
	return ids[:]
}

func nodeOf(o resource.Object) string {
	switch o := o.(type) {
	case *corev1.Pod:
		return o.Spec.NodeName
	case *corev1.Node:
		return o.Name
	}
	return ""
}

// find is what is known of an object; nothing if it is not known.
func (s *store) find(namespace, name string) known {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known[types.NamespacedName{Namespace: namespace, Name: name}]
}
