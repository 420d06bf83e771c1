package model

import (
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// index is what follows from the objects: derived anew after records came.
type index struct {
	pods       []*Pod
	ghosts     map[Key]*Pod    // those of which only Events are known
	now        time.Time       // of which the ghosts are
	podByIP    map[string]*Pod // nil until it is asked for
	nodes      []*corev1.Node
	onNode     map[string][]*Pod // nil until it is asked for
	workloads  []*Workload
	byWorkload map[Key]*Workload
	byName     map[string][]*Workload
	labels     map[labelPair][]*Pod
	services   []*Service
	svcByKey   map[Key]*Service
	svcByIP    map[string]*Service
	svcByName  map[string][]*Service
	logs       map[Key][]*Log
	orphanLogs []*Log
	calls      map[Key][]*Call
	callers    map[Key][]*Call
	dangling   map[Key][]Key
	settings   map[Key][]SettingAddress
}

type labelPair struct{ namespace, key, value string }

// Index derives the relations, once after each change of what they follow from.
func (m *Model) Index() *index {
	if m.idx != nil && (len(m.idx.ghosts) == 0 || m.idx.now.Equal(m.Now)) {
		return m.idx
	}
	x := &index{
		now: m.Now, ghosts: map[Key]*Pod{},
		byWorkload: map[Key]*Workload{}, byName: map[string][]*Workload{}, labels: map[labelPair][]*Pod{},
		svcByKey: map[Key]*Service{}, svcByIP: map[string]*Service{}, svcByName: map[string][]*Service{},
		logs: map[Key][]*Log{}, calls: map[Key][]*Call{}, callers: map[Key][]*Call{}, dangling: map[Key][]Key{}, settings: map[Key][]SettingAddress{},
	}
	m.idx = x
	x.addNodes(m)
	x.addSelectors(m)
	x.addPods(m)
	x.addWorkloads(m)
	x.addServices(m)
	x.addLogs(m)
	x.addCalls(m)
	return x
}

// Objects are those of a kind, in the order of their keys.
func (m *Model) Objects(kind string) []*Object {
	of := m.byKind[kind]
	if of == nil {
		return nil
	}
	return of.all(compareObjects, func(o *Object) bool { return o.Deleted.IsZero() })
}

func compareObjects(a, b *Object) int { return a.Key.Compare(b.Key) }

// Kinds are the kinds of which objects are known.
func (m *Model) Kinds() []string {
	var out []string
	for k := range m.byKind {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func (x *index) addNodes(m *Model) {
	for _, o := range m.Objects(KindNode) {
		if n, ok := o.Value.(*corev1.Node); ok {
			x.nodes = append(x.nodes, n)
		}
	}
	x.nodes = append(x.nodes, m.ghostNodes()...)
}

// addSelectors notes which labels are asked for: most are not.
func (x *index) addSelectors(m *Model) {
	for _, o := range m.Objects(KindService) {
		if s, ok := o.Value.(*corev1.Service); ok {
			for k, v := range s.Spec.Selector {
				x.labels[labelPair{o.Key.Namespace, k, v}] = nil
			}
		}
	}
}

func (x *index) addPods(m *Model) {
	objects := m.Objects(KindPod)
	ghosts := m.ghostPods()
	if len(ghosts) > 0 {
		objects = slices.Concat(objects, ghosts)
		slices.SortFunc(objects, compareObjects)
	}
	x.pods = make([]*Pod, 0, len(objects))
	for _, o := range objects {
		v, ok := o.Value.(*PodState)
		if !ok {
			o.pod = nil
			continue
		}
		if o.pod == nil {
			o.pod = &Pod{Object: o}
		}
		p := o.pod
		p.PodState, p.Workload = v, nil
		x.pods = append(x.pods, p)
		for k, val := range v.Labels {
			pair := labelPair{o.Key.Namespace, k, val}
			if _, wanted := x.labels[pair]; wanted {
				x.labels[pair] = append(x.labels[pair], p)
			}
		}
	}
	for _, o := range ghosts {
		x.ghosts[o.Key] = o.pod
	}
}

// podWithIP is the pod that has an address of its own.
func (x *index) podWithIP(ip string) *Pod {
	if x.podByIP == nil {
		x.podByIP = make(map[string]*Pod, len(x.pods))
		for _, p := range x.pods {
			if p.Status.PodIP != "" && !p.Spec.HostNetwork {
				x.podByIP[p.Status.PodIP] = p
			}
		}
	}
	return x.podByIP[ip]
}

func (x *index) addWorkloads(m *Model) {
	add := func(o *Object, replicas *int32, ready int32, t *corev1.PodTemplateSpec, sel *metav1.LabelSelector) {
		w := &Workload{Key: o.Key, Object: o, Replicas: replicas, Ready: ready, Template: t}
		if sel != nil {
			w.Selector = sel.MatchLabels
		}
		x.byWorkload[o.Key] = w
	}
	for _, o := range m.Objects(KindDeployment) {
		if d, ok := o.Value.(*appsv1.Deployment); ok {
			add(o, d.Spec.Replicas, d.Status.ReadyReplicas, &d.Spec.Template, d.Spec.Selector)
		}
	}
	for _, o := range m.Objects(KindStateful) {
		if d, ok := o.Value.(*appsv1.StatefulSet); ok {
			add(o, d.Spec.Replicas, d.Status.ReadyReplicas, &d.Spec.Template, d.Spec.Selector)
		}
	}
	for _, o := range m.Objects(KindDaemonSet) {
		if d, ok := o.Value.(*appsv1.DaemonSet); ok {
			n := d.Status.DesiredNumberScheduled
			add(o, &n, d.Status.NumberReady, &d.Spec.Template, d.Spec.Selector)
		}
	}
	for _, o := range m.Objects(KindCronJob) {
		if d, ok := o.Value.(*batchv1.CronJob); ok {
			add(o, nil, 0, &d.Spec.JobTemplate.Spec.Template, nil)
		}
	}
	x.addOwned(m, add)
	var before *Pod
	for _, p := range x.pods {
		var w *Workload
		if before != nil && before.Workload.Key.Kind != KindPod && siblings(before, p) { // mostly, as they are in order
			w = before.Workload
		} else {
			w = x.ownerOf(m, p)
		}
		before = p
		p.Workload = w
		w.Pods = append(w.Pods, p)
	}
	for _, w := range x.byWorkload {
		x.workloads = append(x.workloads, w)
	}
	slices.SortFunc(x.workloads, func(a, b *Workload) int { return a.Key.Compare(b.Key) })
	for _, w := range x.workloads {
		x.byName[w.Key.Name] = append(x.byName[w.Key.Name], w)
	}
}

// addOwned adds the sets and jobs that nothing owns, and those whose owner is not
// known to their owner's name.
func (x *index) addOwned(m *Model, add func(*Object, *int32, int32, *corev1.PodTemplateSpec, *metav1.LabelSelector)) {
	for _, o := range m.Objects(KindReplicaSet) {
		d, ok := o.Value.(*appsv1.ReplicaSet)
		if !ok {
			continue
		}
		if w := x.byWorkload[controller(d, o.Key.Namespace)]; w != nil {
			w.Sets = append(w.Sets, o.Key)
			continue
		}
		if w := x.byWorkload[Key{KindDeployment, o.Key.Namespace, setStem(o.Key.Name)}]; w != nil {
			w.Sets = append(w.Sets, o.Key)
			continue
		}
		add(o, d.Spec.Replicas, d.Status.ReadyReplicas, &d.Spec.Template, d.Spec.Selector)
	}
	for _, o := range m.Objects(KindJob) {
		d, ok := o.Value.(*batchv1.Job)
		if !ok {
			continue
		}
		if w := x.byWorkload[controller(d, o.Key.Namespace)]; w != nil {
			w.Sets = append(w.Sets, o.Key)
			continue
		}
		add(o, d.Spec.Parallelism, 0, &d.Spec.Template, d.Spec.Selector)
	}
}

func setStem(set string) string {
	if h, ok := hashed(set); ok {
		return h
	}
	return set
}

// siblings says that two pods share the list of their owners; others may have the
// same, too. A node owns pods that are their own workload.
func siblings(a, b *Pod) bool {
	return len(a.OwnerReferences) > 0 && len(a.OwnerReferences) == len(b.OwnerReferences) &&
		&a.OwnerReferences[0] == &b.OwnerReferences[0] && a.Key.Namespace == b.Key.Namespace
}

// controller is the owner that manages o, else its first.
func controller(o APIObject, namespace string) Key {
	owners := o.GetOwnerReferences()
	if len(owners) == 0 {
		return Key{}
	}
	r := &owners[0]
	for i := range owners {
		if c := owners[i].Controller; c != nil && *c {
			r = &owners[i]
			break
		}
	}
	group, _, _ := strings.Cut(r.APIVersion, "/")
	if r.APIVersion == group {
		group = ""
	}
	return Key{kindOf(group, r.Kind), namespace, r.Name}
}

// ownerOf finds the workload of a pod, and makes one where only the pod is known.
func (x *index) ownerOf(m *Model, p *Pod) *Workload {
	owner := controller(p.PodState, p.Key.Namespace)
	if owner == (Key{}) {
		owner = x.guessOwner(p)
	}
	if owner.Kind == KindReplicaSet {
		if o := m.Get(owner); o != nil {
			if up := controller(o.Value, p.Key.Namespace); up != (Key{}) {
				owner = up
			} else if d := (Key{KindDeployment, p.Key.Namespace, setStem(owner.Name)}); x.byWorkload[d] != nil {
				owner = d
			}
		} else if setStem(owner.Name) != owner.Name {
			owner = Key{KindDeployment, p.Key.Namespace, setStem(owner.Name)}
		}
	}
	if owner.Kind == KindJob {
		if o := m.Get(owner); o != nil {
			if up := controller(o.Value, p.Key.Namespace); up != (Key{}) {
				owner = up
			}
		}
	}
	if owner.Kind == KindNode {
		owner = p.Key // the mirror of a static pod: the node is no controller
	}
	w := x.byWorkload[owner]
	if w == nil {
		w = &Workload{Key: owner}
		x.byWorkload[owner] = w
	}
	return w
}

// guessOwner goes by the name where no owner is shown, as in a table of pods.
func (x *index) guessOwner(p *Pod) Key {
	name := stem(p.Key.Name)
	for _, kind := range []string{KindDeployment, KindStateful, KindDaemonSet} {
		k := Key{kind, p.Key.Namespace, name}
		if x.byWorkload[k] != nil {
			return k
		}
	}
	if p.Object.Whole() || name == p.Key.Name {
		return p.Key
	}
	if strings.TrimLeft(p.Key.Name[len(name):], "-0123456789") == "" {
		return Key{KindStateful, p.Key.Namespace, name}
	}
	if head, ok := generated(p.Key.Name); ok {
		if _, ok := hashed(head); ok {
			return Key{KindDeployment, p.Key.Namespace, name}
		}
	}
	return p.Key
}

func (x *index) addLogs(m *Model) {
	for _, l := range sortedLogs(m.logs) {
		w := x.logOwner(m, l.Object)
		if w == nil {
			x.orphanLogs = append(x.orphanLogs, l)
			continue
		}
		x.logs[w.Key] = append(x.logs[w.Key], l)
	}
}

// logOwner finds whose log it is: people name files after pods, workloads or
// containers.
func (x *index) logOwner(m *Model, k Key) *Workload {
	if p := m.Pod(Key{KindPod, k.Namespace, k.Name}); p != nil {
		return p.Workload
	}
	if w := x.byWorkload[k]; w != nil {
		return w
	}
	for _, name := range []string{k.Name, stem(k.Name)} {
		for _, w := range x.byName[name] {
			if k.Namespace == "" || k.Namespace == w.Key.Namespace {
				return w
			}
		}
	}
	return nil
}

// Workload is that of the key; nil if it is not known.
func (m *Model) Workload(k Key) *Workload { return m.Index().byWorkload[k] }

// Workloads are all, in the order of their keys.
func (m *Model) Workloads() []*Workload { return m.Index().workloads }

// WorkloadsNamed are those of that name in any namespace.
func (m *Model) WorkloadsNamed(name string) []*Workload { return m.Index().byName[name] }

// Pod is that of the key; nil if it is not known.
func (m *Model) Pod(k Key) *Pod {
	x := m.Index()
	if o := m.Get(k); o != nil {
		return o.pod
	}
	return x.ghosts[k]
}

// OnNode are the pods of a node.
func (m *Model) OnNode(node string) []*Pod {
	x := m.Index()
	if x.onNode == nil {
		x.onNode = map[string][]*Pod{}
		for _, p := range x.pods {
			if n := p.Spec.NodeName; n != "" && n != nodeUnknown {
				x.onNode[n] = append(x.onNode[n], p)
			}
		}
	}
	return x.onNode[node]
}

// selected are the pods of a namespace with all of the labels of a Service's
// selector; none if there are no labels.
func (m *Model) selected(namespace string, selector map[string]string) []*Pod {
	if len(selector) == 0 {
		return nil
	}
	x := m.Index()
	var least []*Pod
	first := true
	for k, v := range selector {
		with := x.labels[labelPair{namespace, k, v}]
		if first || len(with) < len(least) {
			least, first = with, false
		}
	}
	var out []*Pod
	for _, p := range least {
		if Matches(selector, p.Labels) {
			out = append(out, p)
		}
	}
	return out
}

// Matches says whether the labels have all of the selector's.
func Matches(selector, labels map[string]string) bool {
	for k, v := range selector {
		if got, ok := labels[k]; !ok || got != v {
			return false
		}
	}
	return true
}

// Stem is the name of a ReplicaSet's or a Job's owner, as its own name has it.
func Stem(set string) string {
	if s := setStem(set); s != set {
		return s
	}
	return stem(set)
}

// Controller is the key of an object's owner; the zero Key if it has none.
func Controller(o *Object) Key { return controller(o.Value, o.Key.Namespace) }
