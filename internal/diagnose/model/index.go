package model

import (
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// index is what follows from the objects: derived anew after records came.
type index struct {
	pods       []*Pod
	podByKey   map[Key]*Pod
	podByIP    map[string]*Pod
	nodes      []*corev1.Node
	onNode     map[string][]*Pod
	workloads  []*Workload
	byWorkload map[Key]*Workload
	byName     map[string][]*Workload
	labels     map[labelPair][]*Pod
	services   []*Service
	svcByKey   map[Key]*Service
	svcByIP    map[string]*Service
	svcByName  map[string][]*Service
	eventKeys  []Key
	logs       map[Key][]*Log
	orphanLogs []*Log
	calls      map[Key][]Call
	callers    map[Key][]Call
	dangling   map[Key][]Key
}

type labelPair struct{ namespace, key, value string }

// Index derives the relations, once after each change.
func (m *Model) Index() *index {
	if m.idx != nil {
		return m.idx
	}
	x := &index{
		podByKey: map[Key]*Pod{}, podByIP: map[string]*Pod{}, onNode: map[string][]*Pod{},
		byWorkload: map[Key]*Workload{}, byName: map[string][]*Workload{}, labels: map[labelPair][]*Pod{},
		svcByKey: map[Key]*Service{}, svcByIP: map[string]*Service{}, svcByName: map[string][]*Service{},
		logs: map[Key][]*Log{}, calls: map[Key][]Call{}, callers: map[Key][]Call{}, dangling: map[Key][]Key{},
	}
	m.idx = x
	x.addNodes(m)
	x.addSelectors(m)
	x.addPods(m)
	x.addWorkloads(m)
	x.addServices(m)
	x.addLogs(m)
	x.addCalls(m)
	for k := range m.events {
		x.eventKeys = append(x.eventKeys, k)
	}
	slices.SortFunc(x.eventKeys, Key.Compare)
	return x
}

// Objects are those of a kind, in the order of their keys.
func (m *Model) Objects(kind string) []*Object {
	if out, ok := m.sorted[kind]; ok {
		return out
	}
	out := make([]*Object, 0, len(m.byKind[kind]))
	for _, o := range m.byKind[kind] {
		out = append(out, o)
	}
	slices.SortFunc(out, func(a, b *Object) int { return a.Key.Compare(b.Key) })
	m.sorted[kind] = out
	return out
}

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
	if ghosts := m.ghostPods(); len(ghosts) > 0 {
		objects = slices.Concat(objects, ghosts)
		slices.SortFunc(objects, func(a, b *Object) int { return a.Key.Compare(b.Key) })
	}
	x.pods = make([]*Pod, 0, len(objects))
	x.podByKey, x.podByIP = make(map[Key]*Pod, len(objects)), make(map[string]*Pod, len(objects))
	all := make([]Pod, len(objects)) // one allocation
	for _, o := range objects {
		v, ok := o.Value.(*corev1.Pod)
		if !ok {
			continue
		}
		p := &all[len(x.pods)]
		*p = Pod{Pod: v, Object: o, Key: o.Key}
		x.pods = append(x.pods, p)
		x.podByKey[o.Key] = p
		if v.Status.PodIP != "" && !v.Spec.HostNetwork {
			x.podByIP[v.Status.PodIP] = p
		}
		if v.Spec.NodeName != "" && v.Spec.NodeName != nodeUnknown {
			x.onNode[v.Spec.NodeName] = append(x.onNode[v.Spec.NodeName], p)
		}
		for k, val := range v.Labels {
			pair := labelPair{o.Key.Namespace, k, val}
			if _, wanted := x.labels[pair]; wanted {
				x.labels[pair] = append(x.labels[pair], p)
			}
		}
	}
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
	for _, p := range x.pods {
		w := x.ownerOf(m, p)
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
	if h := hashed.FindStringSubmatch(set); h != nil {
		return h[1]
	}
	return set
}

// controller is the owner that manages o, else its first.
func controller(o metav1.Object, namespace string) Key {
	owners := o.GetOwnerReferences()
	if len(owners) == 0 {
		return Key{}
	}
	r := &owners[0]
	if managing := metav1.GetControllerOfNoCopy(o); managing != nil {
		r = managing
	}
	group, _, _ := strings.Cut(r.APIVersion, "/")
	if r.APIVersion == group {
		group = ""
	}
	return Key{kindOf(group, r.Kind), namespace, r.Name}
}

// ownerOf finds the workload of a pod, and makes one where only the pod is known.
func (x *index) ownerOf(m *Model, p *Pod) *Workload {
	owner := controller(p.Pod, p.Key.Namespace)
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
	if m := generated.FindStringSubmatch(p.Key.Name); m != nil && hashed.MatchString(m[1]) {
		return Key{KindDeployment, p.Key.Namespace, name}
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
	if p := x.podByKey[Key{KindPod, k.Namespace, k.Name}]; p != nil {
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
func (m *Model) Pod(k Key) *Pod { return m.Index().podByKey[k] }

// OnNode are the pods of a node.
func (m *Model) OnNode(node string) []*Pod { return m.Index().onNode[node] }

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
