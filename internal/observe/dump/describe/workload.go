package describe

import (
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/lazyregexp"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/view"
)

// counts reads "1 desired | 1 updated" and "2 Running / 0 Waiting" by their words.
func counts(s string) map[string]int32 {
	m := map[string]int32{}
	for _, p := range strings.FieldsFunc(s, func(r rune) bool { return r == '|' || r == '/' }) {
		number, word, ok := strings.Cut(strings.TrimSpace(p), " ")
		if _, isNumber := view.Int(number); ok && isNumber {
			word, _, _ = strings.Cut(word, " ")
			m[strings.ToLower(word)] = view.Int32(number)
		}
	}
	return m
}

func desired(m map[string]int32) *int32 {
	if n, ok := m["desired"]; ok {
		return &n
	}
	return nil
}

var rolling = lazyregexp.New(`^(\S+) max unavailable, (\S+) max surge`)

func deployment(n *node, d *appsv1.Deployment) {
	c := counts(n.get("Replicas"))
	d.Spec.Replicas = desired(c)
	d.Status.UpdatedReplicas, d.Status.Replicas = c["updated"], c["total"]
	d.Status.AvailableReplicas, d.Status.UnavailableReplicas = c["available"], c["unavailable"]
	d.Spec.Selector = view.Selector(n.get("Selector"))
	d.Spec.Strategy.Type = appsv1.DeploymentStrategyType(n.get("StrategyType"))
	d.Spec.MinReadySeconds = view.Int32(n.get("MinReadySeconds"))
	if m := rolling.FindStringSubmatch(n.get("RollingUpdateStrategy")); m != nil {
		unavailable, surge := view.IntOrString(m[1]), view.IntOrString(m[2])
		d.Spec.Strategy.RollingUpdate = &appsv1.RollingUpdateDeployment{MaxUnavailable: &unavailable, MaxSurge: &surge}
	}
	podTemplate(n, &d.Spec.Template)
	for _, r := range rows(n.kid("Conditions")) {
		d.Status.Conditions = append(d.Status.Conditions, appsv1.DeploymentCondition{
			Type: appsv1.DeploymentConditionType(r.Raw("Type")), Status: corev1.ConditionStatus(r.Raw("Status")), Reason: r.Get("Reason")})
	}
}

func replicaSet(n *node, s *appsv1.ReplicaSet) {
	c := counts(n.get("Replicas"))
	s.Spec.Replicas, s.Status.Replicas = desired(c), c["current"]
	s.Spec.Selector = view.Selector(n.get("Selector"))
	podTemplate(n, &s.Spec.Template)
	for _, r := range rows(n.kid("Conditions")) {
		s.Status.Conditions = append(s.Status.Conditions, appsv1.ReplicaSetCondition{
			Type: appsv1.ReplicaSetConditionType(r.Raw("Type")), Status: corev1.ConditionStatus(r.Raw("Status")), Reason: r.Get("Reason")})
	}
}

func replicationController(n *node, s *corev1.ReplicationController) {
	c := counts(n.get("Replicas"))
	s.Spec.Replicas, s.Status.Replicas = desired(c), c["current"]
	s.Spec.Selector = view.Labels(n.get("Selector"))
	s.Spec.Template = &corev1.PodTemplateSpec{}
	podTemplate(n, s.Spec.Template)
}

func statefulSet(n *node, s *appsv1.StatefulSet) {
	c := counts(n.get("Replicas"))
	s.Spec.Replicas, s.Status.Replicas = desired(c), c["total"]
	s.Spec.Selector = view.Selector(n.get("Selector"))
	s.Spec.ServiceName = view.Value(n.get("Service Name"))
	s.Spec.PodManagementPolicy = appsv1.PodManagementPolicyType(view.Value(n.get("Pod Management Policy")))
	s.Spec.UpdateStrategy.Type = appsv1.StatefulSetUpdateStrategyType(n.get("Update Strategy"))
	if p := view.Int32Ptr(n.kid("Update Strategy").get("Partition")); p != nil {
		s.Spec.UpdateStrategy.RollingUpdate = &appsv1.RollingUpdateStatefulSetStrategy{Partition: p}
	}
	podTemplate(n, &s.Spec.Template)
	s.Spec.VolumeClaimTemplates = claimTemplates(n.kid("Volume Claims"))
}

// claimTemplates reads templates that stand one after the other, each from its
// Name on.
func claimTemplates(n *node) []corev1.PersistentVolumeClaim {
	var out []corev1.PersistentVolumeClaim
	for _, k := range n.kids {
		if k.key == "Name" {
			out = append(out, corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: k.value}})
		}
		if len(out) == 0 {
			continue
		}
		c := &out[len(out)-1]
		switch k.key {
		case "StorageClass":
			if sc := view.Value(k.value); sc != "" {
				c.Spec.StorageClassName = &sc
			}
		case "Capacity":
			if q, ok := view.Quantity(k.value); ok {
				c.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: q}
			}
		case "Access Modes":
			c.Spec.AccessModes = accessModes(k.value)
		}
	}
	return out
}

func daemonSet(n *node, d *appsv1.DaemonSet) {
	d.Spec.Selector = view.Selector(n.get("Selector"))
	s := &d.Status
	s.DesiredNumberScheduled = view.Int32(n.get("Desired Number of Nodes Scheduled"))
	s.CurrentNumberScheduled = view.Int32(n.get("Current Number of Nodes Scheduled"))
	s.UpdatedNumberScheduled = view.Int32(n.get("Number of Nodes Scheduled with Up-to-date Pods"))
	s.NumberAvailable = view.Int32(n.get("Number of Nodes Scheduled with Available Pods"))
	s.NumberMisscheduled = view.Int32(n.get("Number of Nodes Misscheduled"))
	podTemplate(n, &d.Spec.Template)
	if sel := view.Labels(n.get("Node-Selector")); sel != nil {
		d.Spec.Template.Spec.NodeSelector = sel
	}
}

func job(n *node, j *batchv1.Job) {
	j.Spec.Selector = view.Selector(n.get("Selector"))
	j.Spec.Parallelism = view.Int32Ptr(n.get("Parallelism"))
	j.Spec.Completions = view.Int32Ptr(n.get("Completions"))
	if m := view.Value(n.get("Completion Mode")); m != "" {
		mode := batchv1.CompletionMode(m)
		j.Spec.CompletionMode = &mode
	}
	if s := n.get("Suspend"); s != "" {
		suspend := s == "true"
		j.Spec.Suspend = &suspend
	}
	j.Spec.BackoffLimit = view.Int32Ptr(n.get("Backoff Limit"))
	j.Spec.TTLSecondsAfterFinished = view.Int32Ptr(n.get("TTL Seconds After Finished"))
	if s, ok := view.Int(n.get("Active Deadline Seconds")); ok {
		j.Spec.ActiveDeadlineSeconds = &s
	}
	if t, ok := view.Time(n.get("Start Time")); ok {
		j.Status.StartTime = &t
	}
	if t, ok := view.Time(n.get("Completed At")); ok {
		j.Status.CompletionTime = &t
	}
	c := counts(n.get("Pods Statuses"))
	j.Status.Active, j.Status.Succeeded, j.Status.Failed = c["active"], c["succeeded"], c["failed"]
	podTemplate(n, &j.Spec.Template)
}

func cronJob(n *node, c *batchv1.CronJob) {
	c.Spec.Schedule = n.get("Schedule")
	c.Spec.ConcurrencyPolicy = batchv1.ConcurrencyPolicy(n.get("Concurrency Policy"))
	if s := n.get("Suspend"); s != "" {
		suspend := strings.EqualFold(s, "true")
		c.Spec.Suspend = &suspend
	}
	if z := view.Value(n.get("Time Zone")); z != "" {
		c.Spec.TimeZone = &z
	}
	c.Spec.SuccessfulJobsHistoryLimit = view.Int32Ptr(n.get("Successful Job History Limit"))
	c.Spec.FailedJobsHistoryLimit = view.Int32Ptr(n.get("Failed Job History Limit"))
	if s, ok := view.Int(n.get("Starting Deadline Seconds")); ok {
		c.Spec.StartingDeadlineSeconds = &s
	}
	t := &c.Spec.JobTemplate.Spec
	t.Parallelism, t.Completions = view.Int32Ptr(n.get("Parallelism")), view.Int32Ptr(n.get("Completions"))
	podTemplate(n, &t.Template)
	if at, ok := view.Time(n.get("Last Schedule Time")); ok {
		c.Status.LastScheduleTime = &at
	}
	for _, name := range split(n.get("Active Jobs")) {
		c.Status.Active = append(c.Status.Active, corev1.ObjectReference{APIVersion: "batch/v1", Kind: "Job", Namespace: c.Namespace, Name: name})
	}
}
