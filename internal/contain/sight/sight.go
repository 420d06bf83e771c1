// Package sight makes what the containment looks at of what was recorded: the same
// way for a cluster that is observed now and for a journal of one.
package sight

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/contain"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
)

// Of is the view of a model. It keeps nothing of it.
func Of(m *model.Model, now time.Time) *contain.View {
	v := &contain.View{Now: now, Workloads: make(map[v1alpha1.ObjectRef]*contain.Workload, len(m.Workloads())), Nodes: map[string]*contain.Node{}, OnNode: map[string][]*contain.Pod{}}
	for _, n := range m.Nodes() {
		v.Nodes[n.Name] = node(n)
	}
	namespaces := map[string]map[string]string{}
	for _, o := range m.Objects(model.KindNamespace) {
		namespaces[o.Key.Name] = o.Value.GetLabels()
	}
	killed := map[model.Key][]time.Time{}
	for _, o := range m.OOMs() {
		killed[o.Object] = append(killed[o.Object], o.Time)
	}
	for _, w := range m.Workloads() {
		out := workload(m, w)
		out.NamespaceLabels = namespaces[w.Key.Namespace]
		for _, p := range w.Pods {
			if q := pod(m, p, killed[p.Key]); q != nil {
				q.Owner = out
				out.Pods = append(out.Pods, q)
				if q.Node != "" && !q.Failed {
					v.OnNode[q.Node] = append(v.OnNode[q.Node], q)
				}
			}
			for _, c := range m.Cores(p.Key) {
				out.CoreBytes += c.Bytes
			}
		}
		v.Workloads[out.Ref] = out
	}
	for _, o := range m.Objects(model.KindHPA) {
		h, ok := o.Value.(*autoscalingv2.HorizontalPodAutoscaler)
		if !ok {
			continue
		}
		t := h.Spec.ScaleTargetRef
		if w := v.Workloads[v1alpha1.ObjectRef{Kind: t.Kind, Namespace: o.Key.Namespace, Name: t.Name}]; w != nil {
			w.Scaler = o.Key.Name
		}
	}
	return v
}

// ills are the conditions of a node that is not well: type, the status of one that
// is, and the word for it.
var ills = []struct {
	condition corev1.NodeConditionType
	well      corev1.ConditionStatus
	word      string
}{
	{corev1.NodeReady, corev1.ConditionTrue, "NotReady"},
	{corev1.NodeDiskPressure, corev1.ConditionFalse, "DiskPressure"},
	{corev1.NodeMemoryPressure, corev1.ConditionFalse, "MemoryPressure"},
	{corev1.NodePIDPressure, corev1.ConditionFalse, "PIDPressure"},
}

// node is ill since the first of its conditions that are not well.
func node(n *corev1.Node) *contain.Node {
	out := &contain.Node{Name: n.Name}
	for _, ill := range ills {
		for _, c := range n.Status.Conditions {
			if c.Type != ill.condition || c.Status == ill.well || c.Status == corev1.ConditionUnknown && ill.condition != corev1.NodeReady {
				continue
			}
			if t := c.LastTransitionTime.Time; out.Ill == "" || t.Before(out.IllSince) {
				out.Ill, out.IllSince = ill.word, t
			}
		}
	}
	return out
}

func workload(m *model.Model, w *model.Workload) *contain.Workload {
	out := &contain.Workload{Ref: w.Key.Ref(), Replicas: -1}
	if w.Replicas != nil {
		out.Replicas = *w.Replicas
	}
	if w.Object != nil {
		out.Labels = w.Object.Value.GetLabels()
	} else {
		out.Labels = w.Labels()
	}
	out.Revision, out.RevisionSince = revision(m, w)
	return out
}

const (
	revisionAnnotation = "deployment.kubernetes.io/revision"
	revisionOfSet      = "controller-revision-hash"
)

// revision is the newest of a workload, and since when it is.
func revision(m *model.Model, w *model.Workload) (string, time.Time) {
	best, hash, since := -1, "", time.Time{}
	for _, key := range w.Sets {
		rs := model.Value[appsv1.ReplicaSet](m, key)
		if rs == nil {
			continue
		}
		n, err := strconv.Atoi(rs.Annotations[revisionAnnotation])
		if err != nil || n <= best {
			continue
		}
		best, hash, since = n, rs.Labels[appsv1.DefaultDeploymentUniqueLabelKey], rs.CreationTimestamp.Time
	}
	if w.Object == nil || best >= 0 {
		return hash, later(since, changed(w))
	}
	if s, ok := w.Object.Value.(*appsv1.StatefulSet); ok && s.Status.UpdateRevision != "" {
		return s.Status.UpdateRevision, newest(w, s.Status.UpdateRevision)
	}
	return "", time.Time{}
}

// changed is when the template of a workload was last changed: at a rollback, an old
// set gets a new number.
func changed(w *model.Workload) time.Time {
	var t time.Time
	if w.Object == nil {
		return t
	}
	for _, c := range w.Object.Changes {
		if strings.HasPrefix(c.Path, "spec.template") {
			t = later(t, c.Time)
		}
	}
	return t
}

// newest is when the first pod of a revision came.
func newest(w *model.Workload, revision string) time.Time {
	var first time.Time
	for _, p := range w.Pods {
		if p.Labels[revisionOfSet] == revision && (first.IsZero() || p.Since().Before(first)) {
			first = p.Since()
		}
	}
	return first
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// pod is one that counts: those that succeeded, or are being deleted, do not.
func pod(m *model.Model, p *model.Pod, killed []time.Time) *contain.Pod {
	if p.Status.Phase == corev1.PodSucceeded || p.DeletionTimestamp != nil {
		return nil
	}
	out := &contain.Pod{Namespace: p.Key.Namespace, Name: p.Key.Name, Node: p.Spec.NodeName, Since: p.Since()}
	out.Revision = p.Labels[appsv1.DefaultDeploymentUniqueLabelKey]
	if out.Revision == "" {
		out.Revision = p.Labels[revisionOfSet]
	}
	ready, known := p.Ready()
	out.Ready = ready && known
	out.Failed, out.FailedReason = p.Status.Phase == corev1.PodFailed, p.Status.Reason
	out.Pending = !p.Placed() && !out.Failed
	for _, c := range p.Statuses() {
		out.Restarts += c.RestartCount
		if s := c.State.Waiting; s != nil && stuck[s.Reason] {
			out.Stuck = s.Reason
		}
	}
	out.Ends = exits(m, p, killed)
	return out
}

// stuck are the reasons for which a container waits that is not on its way.
var stuck = map[string]bool{
	"CrashLoopBackOff": true, "ErrImagePull": true, "ImagePullBackOff": true, "InvalidImageName": true, "ErrImageNeverPull": true,
	"CreateContainerConfigError": true, "CreateContainerError": true, "RunContainerError": true,
}

// exits are the bad ends of a pod's containers: those that were seen, and those that
// its status still tells.
func exits(m *model.Model, p *model.Pod, killed []time.Time) []contain.Exit {
	var out []contain.Exit
	add := func(t time.Time, container string, code, signal int, reason string) {
		if code == 0 && signal == 0 && reason != oomKilled || t.IsZero() {
			return
		}
		if slices.ContainsFunc(out, func(e contain.Exit) bool { return e.Time.Unix() == t.Unix() }) {
			return
		}
		out = append(out, contain.Exit{Time: t, Signature: signature(container, code, signal, reason), Outside: outside(code, signal, reason)})
	}
	for _, e := range m.Exits(p.Key) {
		add(e.Time, e.Container, e.Code, e.Signal, e.Reason)
	}
	for _, c := range p.Statuses() {
		for _, t := range []*corev1.ContainerStateTerminated{c.State.Terminated, c.LastTerminationState.Terminated} {
			if t != nil {
				add(t.FinishedAt.Time, c.Name, int(t.ExitCode), int(t.Signal), t.Reason)
			}
		}
	}
	stacks(m, p, out)
	for i := range out {
		for _, t := range killed { // the kernel says so sooner than the kubelet
			if d := out[i].Time.Sub(t); d > -2*time.Second && d < 2*time.Second {
				out[i].Outside, out[i].Signature = false, oomKilled
			}
		}
	}
	return out
}

const (
	oomKilled = "OOMKilled"
	sigkill   = 9
	sigterm   = 15
)

// outside says that a container was ended by others.
func outside(code, signal int, reason string) bool {
	if signal == 0 && code > 128 {
		signal = code - 128
	}
	return reason != oomKilled && (signal == sigkill || signal == sigterm)
}

func signature(container string, code, signal int, reason string) string {
	if signal == 0 && code > 128 && code < 128+65 {
		signal = code - 128
	}
	switch {
	case reason == oomKilled:
		return container + " " + oomKilled
	case signal != 0:
		return fmt.Sprintf("%s on signal %d", container, signal)
	}
	return fmt.Sprintf("%s with exit code %d", container, code)
}

// frames is how many of a stack's innermost frames make crashes alike.
const frames = 5

// stacks gives ends the stack of the core dump that belongs to them.
func stacks(m *model.Model, p *model.Pod, out []contain.Exit) {
	for _, c := range m.Cores(p.Key) {
		if len(c.Stack) == 0 {
			continue
		}
		for i := range out {
			if d := c.Time.Sub(out[i].Time); d > -5*time.Second && d < 5*time.Second {
				out[i].Signature += " at " + strings.Join(c.Stack[:min(frames, len(c.Stack))], " < ")
				break
			}
		}
	}
}
