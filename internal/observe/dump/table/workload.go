package table

import (
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/view"
)

// template reads the columns of -o wide.
func template(r view.Row, s *corev1.PodSpec) {
	names, images := list(r.Get("CONTAINERS")), list(r.Get("IMAGES"))
	for i, name := range names {
		c := corev1.Container{Name: name}
		if i < len(images) {
			c.Image = images[i]
		}
		s.Containers = append(s.Containers, c)
	}
}

func list(s string) []string {
	var out []string
	for _, p := range strings.Split(s, ",") {
		if !view.None(p) {
			out = append(out, strings.TrimSpace(p))
		}
	}
	return out
}

func deployment(r view.Row, d *appsv1.Deployment) {
	ready, desired := fraction(r.Raw("READY"))
	if r.Raw("READY") != "" {
		d.Spec.Replicas, d.Status.ReadyReplicas = &desired, ready
	}
	d.Status.UpdatedReplicas, d.Status.AvailableReplicas = view.Int32(r.Raw("UP-TO-DATE")), view.Int32(r.Raw("AVAILABLE"))
	d.Spec.Selector = view.Selector(r.Raw("SELECTOR"))
	template(r, &d.Spec.Template.Spec)
}

func replicaSet(r view.Row, s *appsv1.ReplicaSet) {
	s.Spec.Replicas = view.Int32Ptr(r.Raw("DESIRED"))
	s.Status.Replicas, s.Status.ReadyReplicas = view.Int32(r.Raw("CURRENT")), view.Int32(r.Raw("READY"))
	s.Spec.Selector = view.Selector(r.Raw("SELECTOR"))
	template(r, &s.Spec.Template.Spec)
}

func statefulSet(r view.Row, s *appsv1.StatefulSet) {
	if r.Raw("READY") != "" {
		ready, desired := fraction(r.Raw("READY"))
		s.Spec.Replicas, s.Status.ReadyReplicas = &desired, ready
	}
	template(r, &s.Spec.Template.Spec)
}

func daemonSet(r view.Row, d *appsv1.DaemonSet) {
	s := &d.Status
	s.DesiredNumberScheduled, s.CurrentNumberScheduled = view.Int32(r.Raw("DESIRED")), view.Int32(r.Raw("CURRENT"))
	s.NumberReady, s.UpdatedNumberScheduled = view.Int32(r.Raw("READY")), view.Int32(r.Raw("UP-TO-DATE"))
	s.NumberAvailable = view.Int32(r.Raw("AVAILABLE"))
	s.NumberUnavailable = max(0, s.DesiredNumberScheduled-s.NumberAvailable)
	d.Spec.Selector = view.Selector(r.Raw("SELECTOR"))
	d.Spec.Template.Spec.NodeSelector = view.Labels(r.Raw("NODE SELECTOR"))
	template(r, &d.Spec.Template.Spec)
}

func job(r view.Row, j *batchv1.Job, v *view.View) {
	done, of, _ := strings.Cut(r.Raw("COMPLETIONS"), "/")
	j.Status.Succeeded = view.Int32(done)
	j.Spec.Completions = view.Int32Ptr(of)
	j.Spec.Selector = view.Selector(r.Raw("SELECTOR"))
	template(r, &j.Spec.Template.Spec)
	// STATUS is there since 1.31.
	switch s := r.Get("STATUS"); s {
	case "Complete", "Failed", "Suspended", "FailureTarget", "SuccessCriteriaMet":
		j.Status.Conditions = []batchv1.JobCondition{{Type: batchv1.JobConditionType(s), Status: corev1.ConditionTrue}}
	case "Terminating":
		v.When(view.Age{Known: true}, func(t metav1.Time) { j.DeletionTimestamp = &t })
	}
}

func cronJob(r view.Row, c *batchv1.CronJob, v *view.View) {
	c.Spec.Schedule = r.Get("SCHEDULE")
	if z := r.Get("TIMEZONE"); z != "" {
		c.Spec.TimeZone = &z
	}
	if s := r.Raw("SUSPEND"); s != "" {
		suspend := strings.EqualFold(s, "true")
		c.Spec.Suspend = &suspend
	}
	v.When(view.ParseAge(r.Raw("LAST SCHEDULE")), func(t metav1.Time) { c.Status.LastScheduleTime = &t })
	template(r, &c.Spec.JobTemplate.Spec.Template.Spec)
}
