package e2e

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func TestHorizontalPodAutoscaler(t *testing.T) {
	s := newSpace(t)
	s.deploy("busy", 1, server(withRequests("cpu", "50m")))
	target := int32(50)
	_, err := kube.AutoscalingV2().HorizontalPodAutoscalers(s.name).Create(s.ctx, &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Name: "busy"},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "busy"},
			MaxReplicas:    2,
			Metrics: []autoscalingv2.MetricSpec{{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{
				Name: corev1.ResourceCPU, Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: &target},
			}}},
		},
	}, metav1.CreateOptions{})
	s.must(err)
	// Long enough for two looks of metrics-server and two of the autoscaler.
	s.post(s.pods("busy")[0].Name, "/burn", "for", "70s")
	s.eventually(100*time.Second, "the autoscaler has doubled the Deployment", func() error {
		hpa, err := kube.AutoscalingV2().HorizontalPodAutoscalers(s.name).Get(s.ctx, "busy", metav1.GetOptions{})
		if err != nil {
			return err
		}
		d, err := kube.AppsV1().Deployments(s.name).Get(s.ctx, "busy", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if *d.Spec.Replicas != 2 {
			return fmt.Errorf("it wants %d, conditions %+v", hpa.Status.DesiredReplicas, hpa.Status.Conditions)
		}
		return nil
	})
}

func TestTop(t *testing.T) {
	s := newSpace(t)
	s.start("web", server())
	quantity := regexp.MustCompile(`(?m)^web\s+\d+m\s+\d+Mi`)
	s.eventually(70*time.Second, "kubectl top shows the pod", func() error {
		out, err := s.kubectlCommand(s.ctx, "top", "pod", "web").CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		if !quantity.Match(out) {
			return fmt.Errorf("it says %s", out)
		}
		return nil
	})
	if out := s.kubectl("top", "node"); !regexp.MustCompile(`\d+m\s+\d+%\s+\d+Mi\s+\d+%`).MatchString(out) {
		t.Errorf("kubectl top node: %s", out)
	}
}

func TestPodDisruptionBudget(t *testing.T) {
	s := newSpace(t)
	s.deploy("web", 2, server())
	most := intstr.FromInt32(1)
	_, err := kube.PolicyV1().PodDisruptionBudgets(s.name).Create(s.ctx, &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec:       policyv1.PodDisruptionBudgetSpec{MaxUnavailable: &most, Selector: selector("web")},
	}, metav1.CreateOptions{})
	s.must(err)
	pods := s.pods("web")
	allowed := func(want int32) func() error {
		return func() error {
			b, err := kube.PolicyV1().PodDisruptionBudgets(s.name).Get(s.ctx, "web", metav1.GetOptions{})
			if err != nil {
				return err
			}
			if b.Status.ObservedGeneration == 0 || b.Status.DisruptionsAllowed != want {
				return fmt.Errorf("it allows %d disruptions, want %d", b.Status.DisruptionsAllowed, want)
			}
			return nil
		}
	}
	s.eventually(20*time.Second, "the budget allows one disruption", allowed(1))

	// One pod that is not ready uses up the budget.
	s.post(pods[0].Name, "/switch/ready/off")
	s.eventually(20*time.Second, "the budget is used up", allowed(0))
	evict := func(pod string) error {
		return kube.PolicyV1().Evictions(s.name).Evict(s.ctx, &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: pod, Namespace: s.name}})
	}
	if err := evict(pods[1].Name); !apierrors.IsTooManyRequests(err) {
		t.Errorf("eviction of the last ready pod: %v, want that it is refused", err)
	}
	if err := isReady(s.pod(pods[1].Name)); err != nil {
		t.Errorf("the refused eviction did something: %v", err)
	}
	s.post(pods[0].Name, "/switch/ready/on")
	s.eventually(20*time.Second, "the budget allows one disruption again", allowed(1))
	s.must(evict(pods[1].Name))
	s.podGone(pods[1].Name, podLimit)
}
