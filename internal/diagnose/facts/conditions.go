package facts

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
)

type condition struct {
	Type, Reason, Message string
	Status                corev1.ConditionStatus
	Time                  time.Time
}

// conditions are those of a workload or set, in one form.
func conditions(o *model.Object) []condition {
	var out []condition
	switch v := o.Value.(type) {
	case *appsv1.ReplicaSet:
		for _, c := range v.Status.Conditions {
			out = append(out, condition{string(c.Type), c.Reason, c.Message, c.Status, c.LastTransitionTime.Time})
		}
	case *appsv1.Deployment:
		for _, c := range v.Status.Conditions {
			out = append(out, condition{string(c.Type), c.Reason, c.Message, c.Status, c.LastTransitionTime.Time})
		}
	case *batchv1.Job:
		for _, c := range v.Status.Conditions {
			out = append(out, condition{string(c.Type), c.Reason, c.Message, c.Status, c.LastTransitionTime.Time})
		}
	}
	return out
}
