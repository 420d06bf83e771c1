package facts

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
	"github.com/bulkhead-k8s/bulkhead/internal/lazyregexp"
)

// workloads finds workloads that are set not to run, rollouts that do not go on,
// and what scales or holds them.
func workloads(m *model.Model, emit func(Fact)) {
	for _, w := range m.Workloads() {
		scaledToZero(m, w, emit)
		changed(m, w, emit)
		if w.Object == nil {
			continue
		}
		for _, c := range conditions(w.Object) {
			if c.Type == string(appsv1.DeploymentProgressing) && c.Reason == "ProgressDeadlineExceeded" {
				emit(Fact{ID: "RolloutStuck", Object: w.Key, Still: !healthOf(w).fine(), Since: c.Time, Message: "its rollout does not go on",
					Evidence: []Evidence{evidence("state", c.Message, c.Time)}})
			}
		}
		evicted(m, w, emit)
	}
	jobs(m, emit)
	for _, o := range m.Objects(model.KindHPA) {
		scaler(m, o, emit)
	}
	for _, o := range m.Objects(model.KindPDB) {
		budget(m, o, emit)
	}
	for _, o := range m.Objects(model.KindQuota) {
		quota(m, o, emit)
	}
	for _, kind := range m.Kinds() {
		for _, o := range m.Objects(kind) {
			finalizer(m, o, emit)
		}
	}
}

func scaledToZero(m *model.Model, w *model.Workload, emit func(Fact)) {
	if w.Replicas == nil || *w.Replicas != 0 || w.Key.Kind != model.KindDeployment && w.Key.Kind != model.KindStateful {
		return
	}
	callers := m.Callers(w.Key)
	behind := m.ServicesOf(w)
	f := Fact{ID: "ScaledToZero", Object: w.Key, Still: true, Strength: 0.6, Message: "it is scaled to zero: it is set to run no pods",
		Evidence: []Evidence{evidence("state", "spec.replicas is 0", m.Now)}}
	f.Quiet = len(behind) == 0 && len(callers) == 0
	for _, s := range behind {
		f.About = append(f.About, s.Key)
	}
	if len(behind) > 0 {
		f.Strength = 0.85
		f.Message += ", though a Service leads to it"
	}
	if len(callers) > 0 {
		f.Strength = 0.93
		f.Evidence = append(f.Evidence, evidence("state", fmt.Sprintf("%s calls it", callers[0].From.Name), m.Now))
	}
	for _, e := range m.Events(w.Key) {
		if e.Reason == "ScalingReplicaSet" && strings.Contains(e.Message, "to 0") && strings.Contains(e.Message, "Scaled down") {
			f.Since = e.Last
			f.Evidence = append(f.Evidence, evidence("event", e.Message, e.Last))
		}
	}
	emit(f)
}

// changed tells of a change of the workload, or of the config that it uses, as far
// as one was recorded.
func changed(m *model.Model, w *model.Workload, emit func(Fact)) {
	if w.Object != nil {
		for _, c := range w.Object.Changes {
			if strings.HasPrefix(c.Path, "spec.template.spec") || strings.HasPrefix(c.Path, "spec.jobTemplate") {
				emit(Fact{ID: "WorkloadChanged", Object: w.Key, Still: true, Since: c.Time, Strength: 0.75, Message: "it was changed: " + c.String(),
					Evidence: []Evidence{evidence("change", c.String()+by(c), c.Time)}})
			}
		}
	}
	spec := w.Spec()
	if spec == nil {
		return
	}
	for _, k := range configOf(spec, w.Key.Namespace) {
		o := m.Get(k)
		if o == nil {
			continue
		}
		for _, c := range o.Changes {
			emit(Fact{ID: "ConfigChanged", Object: k, Still: true, Since: c.Time, Strength: 0.75, About: []model.Key{w.Key}, Message: "it was changed: " + c.String(),
				Evidence: []Evidence{evidence("change", c.String()+by(c), c.Time)}})
		}
	}
}

func by(c model.Change) string {
	if c.By == "" {
		return ""
	}
	return ", by " + c.By
}

// configOf are the ConfigMaps and Secrets that a pod uses.
func configOf(spec *corev1.PodSpec, ns string) []model.Key {
	var out []model.Key
	add := func(kind, name string) {
		if name != "" && name != "kube-root-ca.crt" {
			out = append(out, model.Key{Kind: kind, Namespace: ns, Name: name})
		}
	}
	for _, v := range spec.Volumes {
		if v.ConfigMap != nil {
			add(model.KindConfigMap, v.ConfigMap.Name)
		}
		if v.Secret != nil {
			add(model.KindSecret, v.Secret.SecretName)
		}
	}
	for i := range spec.Containers {
		for _, e := range spec.Containers[i].EnvFrom {
			if e.ConfigMapRef != nil {
				add(model.KindConfigMap, e.ConfigMapRef.Name)
			}
			if e.SecretRef != nil {
				add(model.KindSecret, e.SecretRef.Name)
			}
		}
		for _, e := range spec.Containers[i].Env {
			if e.ValueFrom != nil && e.ValueFrom.ConfigMapKeyRef != nil {
				add(model.KindConfigMap, e.ValueFrom.ConfigMapKeyRef.Name)
			}
			if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
				add(model.KindSecret, e.ValueFrom.SecretKeyRef.Name)
			}
		}
	}
	return out
}

func evicted(m *model.Model, w *model.Workload, emit func(Fact)) {
	for _, p := range w.Pods {
		switch p.Status.Reason {
		case "Evicted":
			emit(Fact{ID: "PodEvicted", Object: w.Key, Still: !healthOf(w).fine(), Since: since(p), Pods: []model.Key{p.Key}, Message: "pods were evicted: " + clip(p.Status.Message, 140),
				Gone: "its pods run elsewhere now", Evidence: []Evidence{evidence("state", p.Status.Message, p.Since())}})
		case "Preempting", "Preempted":
			emit(Fact{ID: "PodPreempted", Object: w.Key, Still: !healthOf(w).fine(), Since: since(p), Pods: []model.Key{p.Key}, Message: "pods had to make room for others of higher priority",
				Gone: "its pods run again", Evidence: []Evidence{evidence("state", p.Status.Message, p.Since())}})
		}
		for _, e := range m.Events(p.Key) {
			if e.Reason == "Preempted" {
				preemptor(m, w, p, e, emit)
				emit(Fact{ID: "PodPreempted", Object: w.Key, Still: !healthOf(w).fine(), Since: e.First, Pods: []model.Key{p.Key}, Message: "pods had to make room for others of higher priority",
					Gone: "its pods run again", Evidence: []Evidence{evidence("event", e.Message, e.First)}})
			}
			if e.Reason == "FailedCreatePodSandBox" && tooLittle.MatchString(e.Message) {
				ready, _ := p.Ready()
				emit(Fact{ID: "OOMKilled", Object: w.Key, Still: !ready, Since: e.First, Pods: []model.Key{p.Key}, Strength: 0.95, Gone: "it was made since",
					Message:  "its memory limit is too low even to start its containers",
					Evidence: []Evidence{evidence("event", e.Message, e.Last)}})
			}
			if e.Reason == "FailedCreatePodSandBox" {
				ready, _ := p.Ready()
				emit(Fact{ID: "SandboxFails", Object: w.Key, Still: !ready, Since: e.First, Pods: []model.Key{p.Key}, Message: "its pods' network or sandbox cannot be made: " + clipError(e.Message, 140),
					Gone: "it was made since", Evidence: []Evidence{evidence("event", e.Message, e.Last)}})
			}
		}
	}
}

func jobs(m *model.Model, emit func(Fact)) {
	made := map[model.Key]int{}
	for _, o := range m.Objects(model.KindJob) {
		j, ok := o.Value.(*batchv1.Job)
		if !ok {
			continue
		}
		owner := model.Controller(o)
		if owner.Kind == model.KindCronJob && j.Status.CompletionTime == nil && j.Status.Active > 0 {
			made[owner]++
		}
		w := m.Workload(o.Key)
		if w == nil {
			w = m.Workload(owner)
		}
		for _, c := range conditions(o) {
			if w != nil && c.Type == string(batchv1.JobFailed) && c.Status == corev1.ConditionTrue {
				emit(Fact{ID: "JobFailed", Object: w.Key, Still: true, Since: c.Time, Message: "the Job failed: " + clip(c.Message, 120),
					Evidence: []Evidence{evidence("state", c.Reason+": "+c.Message, c.Time)}})
			}
		}
	}
	for _, o := range m.Objects(model.KindCronJob) {
		if c, ok := o.Value.(*batchv1.CronJob); ok && len(c.Status.Active) > made[o.Key] {
			made[o.Key] = len(c.Status.Active)
		}
	}
	for k, n := range made {
		if n >= 3 {
			emit(Fact{ID: "CronJobPilesUp", Object: k, Still: true, Size: float64(n), Message: fmt.Sprintf("%d of its Jobs run at the same time: each is started before the last one ends", n),
				Evidence: []Evidence{evidence("state", fmt.Sprintf("%d Jobs are active", n), m.Now)}})
		}
	}
}

// scalerStart is how long an autoscaler, or the pods of a rollout, may take to have
// metrics: a minute for the first two samples of metrics-server and its own 15 s,
// with as much again.
const scalerStart = 2 * time.Minute

func scaler(m *model.Model, o *model.Object, emit func(Fact)) {
	h, ok := o.Value.(*autoscalingv2.HorizontalPodAutoscaler)
	if !ok {
		return
	}
	target := model.Key{Kind: h.Spec.ScaleTargetRef.Kind, Namespace: o.Key.Namespace, Name: h.Spec.ScaleTargetRef.Name}
	f := Fact{Object: o.Key, Still: true, About: []model.Key{target}}
	for _, c := range h.Status.Conditions {
		f.Since = c.LastTransitionTime.Time
		f.Evidence = []Evidence{evidence("state", string(c.Type)+": "+c.Message, c.LastTransitionTime.Time)}
		if m.Now.Sub(h.CreationTimestamp.Time) < scalerStart || m.Now.Sub(c.LastTransitionTime.Time) < scalerStart {
			continue
		}
		if c.Type == autoscalingv2.ScalingActive && c.Status == corev1.ConditionFalse && c.Reason != "ScalingDisabled" {
			f.ID, f.Message = "ScalerHasNoMetrics", "the autoscaler gets no metrics and does not scale: "+clip(c.Message, 120)
			emit(f)
		}
	}
	if h.Spec.MaxReplicas > 0 && h.Status.CurrentReplicas >= h.Spec.MaxReplicas && h.Spec.MaxReplicas > 1 {
		f.ID, f.Message = "ScalerAtMaximum", fmt.Sprintf("the autoscaler has reached its maximum of %d pods", h.Spec.MaxReplicas)
		f.Evidence = []Evidence{evidence("state", f.Message, m.Now)}
		emit(f)
		if w := m.Workload(target); w != nil && !healthOf(w).fine() {
			f.ID, f.Message = "ScalerFeedsFailure", "the autoscaler makes more pods of what fails"
			emit(f)
		}
	}
}

func budget(m *model.Model, o *model.Object, emit func(Fact)) {
	b, ok := o.Value.(*policyv1.PodDisruptionBudget)
	if !ok || b.Status.ExpectedPods == 0 || b.Status.DisruptionsAllowed > 0 {
		return
	}
	for _, n := range m.Nodes() {
		if !n.Spec.Unschedulable || controlPlane(n) || b.Spec.Selector == nil {
			continue
		}
		for _, p := range m.OnNode(n.Name) {
			if p.Key.Namespace == o.Key.Namespace && model.Matches(b.Spec.Selector.MatchLabels, p.Labels) {
				emit(Fact{ID: "BudgetBlocksDrain", Object: o.Key, Still: true, About: []model.Key{{Kind: model.KindNode, Name: n.Name}},
					Message:  "the PodDisruptionBudget allows no pod to go, so the drain of " + n.Name + " waits",
					Evidence: []Evidence{evidence("state", fmt.Sprintf("disruptionsAllowed is 0; pod %s is on the cordoned node", p.Key.Name), m.Now)}})
				return
			}
		}
	}
}

// quota finds quotas that are used up, whether or not somebody was refused yet.
func quota(m *model.Model, o *model.Object, emit func(Fact)) {
	q, ok := o.Value.(*corev1.ResourceQuota)
	if !ok {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(q.Status.Hard)) {
		hard := q.Status.Hard[name]
		used, ok := q.Status.Used[name]
		if !ok || hard.IsZero() || used.Cmp(hard) < 0 {
			continue
		}
		emit(Fact{ID: "QuotaFull", Object: o.Key, Still: true, Strength: 0.85,
			Message:  fmt.Sprintf("the ResourceQuota is used up: %s of %s %s", used.String(), hard.String(), name),
			Evidence: []Evidence{evidence("state", fmt.Sprintf("%s used %s, hard %s", name, used.String(), hard.String()), m.Now)}})
	}
}

func finalizer(m *model.Model, o *model.Object, emit func(Fact)) {
	at := o.Value.GetDeletionTimestamp()
	if at == nil || o.Key.Kind == model.KindPod || len(o.Value.GetFinalizers()) == 0 && o.Key.Kind != model.KindNamespace {
		return
	}
	if m.Now.Sub(at.Time) < 5*time.Minute {
		return
	}
	emit(Fact{ID: "FinalizerStuck", Object: o.Key, Still: true, Since: at.Time,
		Message:  fmt.Sprintf("its deletion waits for %s", list(o.Value.GetFinalizers())),
		Evidence: []Evidence{evidence("state", "deletionTimestamp is set, finalizers are left", at.Time)}})
}

var preemptedBy = lazyregexp.New(`[Pp]reempted by (?:a )?(?:pod )?(?:([\w.-]+)/)?([\w.-]+)`)

// preemptor names the workload whose pods took others' place.
func preemptor(m *model.Model, w *model.Workload, p *model.Pod, e *model.Event, emit func(Fact)) {
	g := preemptedBy.FindStringSubmatch(e.Message)
	if g == nil {
		return
	}
	ns := g[1]
	if ns == "" {
		ns = p.Key.Namespace
	}
	by := eventOwner(m, model.Key{Kind: model.KindPod, Namespace: ns, Name: g[2]})
	if by == nil {
		for _, q := range m.Pods() { // some versions give the UID
			if string(q.UID) == g[2] {
				by = q.Workload
			}
		}
	}
	if by == nil {
		return
	}
	emit(Fact{ID: "Preempts", Object: by.Key, Still: !healthOf(w).fine(), Since: e.First, About: []model.Key{w.Key}, Strength: 0.9, Gone: "all run again",
		Message:  "its pods have a higher priority and took the place of pods of " + w.Key.Name,
		Evidence: []Evidence{evidence("event", e.Message, e.First)}})
}

// tooLittle is what runtimes say when a pod's memory limit is below what the start
// of a container takes.
var tooLittle = lazyregexp.New(`(?i)OOM-killed|memory limit too low|oom_kill|container init was OOM`)
