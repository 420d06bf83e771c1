package decide

import (
	"runtime"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

// Registered is the condition of a RepairRule that is about nodes that never came.
const Registered = "Registered"

// Complete gives every field that is not set its default.
func Complete(s v1alpha1.NodePoolSpec) v1alpha1.NodePoolSpec {
	s = *s.DeepCopy()
	orDefault(&s.Brakes, v1alpha1.BrakesHeed)
	orDefault(&s.Machine.Architecture, runtime.GOARCH)

	up := &s.ScaleUp
	orDefault(&up.Mode, v1alpha1.ModeAct)
	orDefault(&up.Expander, v1alpha1.ExpanderLeastWaste)
	orDuration(&up.PodDelay, 0)
	orDuration(&up.ProvisionTimeout, 15*time.Minute)
	orPointer(&up.AfterHelp, true)
	orDuration(&up.Backoff.First, 5*time.Minute)
	orDuration(&up.Backoff.Max, 30*time.Minute)
	orPointer(&up.OwnerBudget, 50)
	limits(&up.Limits, 20, time.Minute, intstr.FromString("50%"), 4*s.Max)

	down := &s.ScaleDown
	orDefault(&down.Mode, v1alpha1.ModeAct)
	orPointer(&down.Utilization, 50)
	orDuration(&down.UnneededFor, 10*time.Minute)
	orDuration(&down.AfterAdd, 10*time.Minute)
	orDuration(&down.AfterFailure, 3*time.Minute)
	orDuration(&down.DrainTimeout, 10*time.Minute)
	orPointer(&down.Drains, 1)
	limits(&down.Limits, 10, time.Minute, intstr.FromInt32(10), 4*s.Max)

	repair := &s.Repair
	orDefault(&repair.Mode, v1alpha1.ModeAdvise)
	if repair.Rules == nil {
		repair.Rules = defaultRules(up.ProvisionTimeout.Duration)
	}
	orPointer(&repair.MaxUnhealthy, intstr.FromString("40%"))
	orPointer(&repair.Correlation.Nodes, intstr.FromString("5%"))
	orDuration(&repair.Correlation.Window, 5*time.Minute)
	orDuration(&repair.StormCooldown, 10*time.Minute)
	orDuration(&repair.DrainTimeout, 10*time.Minute)
	orDuration(&repair.Backoff.First, 10*time.Minute)
	orDuration(&repair.Backoff.Max, 2*time.Hour)
	limits(&repair.Limits, 1, 5*time.Minute, intstr.FromString("10%"), s.Max)
	return s
}

func limits(l *v1alpha1.Limits, rate int32, per time.Duration, parallel intstr.IntOrString, budget int32) {
	orPointer(&l.Rate, rate)
	orDuration(&l.Per, per)
	orPointer(&l.Parallel, parallel)
	orPointer(&l.Budget, budget)
}

func defaultRules(provision time.Duration) []v1alpha1.RepairRule {
	bad := []corev1.ConditionStatus{corev1.ConditionTrue}
	rule := func(condition string, after time.Duration, status ...corev1.ConditionStatus) v1alpha1.RepairRule {
		return v1alpha1.RepairRule{Condition: condition, Status: status, After: metav1.Duration{Duration: after}}
	}
	return []v1alpha1.RepairRule{
		rule(string(corev1.NodeReady), 5*time.Minute, corev1.ConditionFalse, corev1.ConditionUnknown),
		rule(string(corev1.NodeDiskPressure), 10*time.Minute, bad...),
		rule(string(corev1.NodeMemoryPressure), 10*time.Minute, bad...),
		rule(string(corev1.NodePIDPressure), 10*time.Minute, bad...),
		rule(v1alpha1.NodeKernelDeadlock, 5*time.Minute, bad...),
		rule(v1alpha1.NodeReadonlyFilesystem, 5*time.Minute, bad...),
		rule(v1alpha1.NodeContainerRuntimeUnhealthy, 5*time.Minute, bad...),
		rule(Registered, provision, corev1.ConditionFalse),
	}
}

func orDefault[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}

func orPointer[T any](v **T, value T) {
	if *v == nil {
		*v = &value
	}
}

func orDuration(v **metav1.Duration, value time.Duration) {
	if *v == nil {
		*v = &metav1.Duration{Duration: value}
	}
}

// share is a number, or a percentage of total, rounded down, but at least least.
func share(v *intstr.IntOrString, total, least int) int {
	n, err := intstr.GetScaledValueFromIntOrPercent(v, total, false)
	if err != nil { // the API server lets other text pass
		return least
	}
	if v.Type == intstr.Int {
		return n
	}
	return max(n, least)
}

// after is how long to wait after that many failures in a row.
func after(b v1alpha1.Backoff, failures int32) time.Duration {
	wait := b.First.Duration
	for range failures - 1 {
		if wait *= 2; wait >= b.Max.Duration {
			return b.Max.Duration
		}
	}
	return wait
}
