package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func TestResourceQuota(t *testing.T) {
	s := newSpace(t)
	_, err := kube.CoreV1().ResourceQuotas(s.name).Create(s.ctx, &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "small"},
		Spec:       corev1.ResourceQuotaSpec{Hard: quantities("requests.cpu", "100m", "count/configmaps", "2")},
	}, metav1.CreateOptions{})
	s.must(err)
	s.eventually(20*time.Second, "the quota counts", func() error {
		q, err := kube.CoreV1().ResourceQuotas(s.name).Get(s.ctx, "small", metav1.GetOptions{})
		if err == nil && len(q.Status.Used) != 2 {
			err = fmt.Errorf("it has counted %v", q.Status.Used)
		}
		return err
	})
	s.start("fits", running([]string{"sleep"}, withRequests("cpu", "60m")))
	for name, tc := range map[string]struct {
		spec corev1.PodSpec
		want string
	}{
		"too-much":      {running([]string{"sleep"}, withRequests("cpu", "60m")), "exceeded quota: small"},
		"without-wish":  {running([]string{"sleep"}), "must specify requests.cpu"},
		"far-too-large": {running([]string{"sleep"}, withRequests("cpu", "5")), "exceeded quota: small"},
	} {
		_, err := kube.CoreV1().Pods(s.name).Create(s.ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: tc.spec}, metav1.CreateOptions{})
		if !apierrors.IsForbidden(err) || wantError(err, tc.want) != nil {
			t.Errorf("pod %s: %v, want that it is forbidden: %s", name, err, tc.want)
		}
	}
	// What is deleted is given back.
	s.must(kube.CoreV1().Pods(s.name).Delete(s.ctx, "fits", metav1.DeleteOptions{}))
	s.podGone("fits", podLimit)
	s.eventually(20*time.Second, "the place of the deleted pod is free", func() error {
		_, err := kube.CoreV1().Pods(s.name).Create(s.ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "next"}, Spec: running([]string{"sleep"}, withRequests("cpu", "90m"))}, metav1.CreateOptions{})
		return err
	})
}

func TestLimitRange(t *testing.T) {
	s := newSpace(t)
	_, err := kube.CoreV1().LimitRanges(s.name).Create(s.ctx, &corev1.LimitRange{
		ObjectMeta: metav1.ObjectMeta{Name: "usual"},
		Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{
			Type:           corev1.LimitTypeContainer,
			Default:        quantities("memory", "64Mi"),
			DefaultRequest: quantities("memory", "16Mi"),
			Max:            quantities("memory", "128Mi"),
		}}},
	}, metav1.CreateOptions{})
	s.must(err)
	s.eventually(10*time.Second, "too large a pod is refused", func() error {
		_, err := kube.CoreV1().Pods(s.name).Create(s.ctx, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{GenerateName: "large-"},
			Spec:       running([]string{"sleep"}, withRequests("memory", "256Mi"), func(p *corev1.PodSpec) { p.Containers[0].Resources.Limits = quantities("memory", "256Mi") }),
		}, metav1.CreateOptions{})
		return wantError(err, "maximum memory usage per Container is 128Mi")
	})
	// The default limit holds in the kernel, not only in the API.
	s.start("usual", server(withVolume("/mem", corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory}})))
	resources := s.pod("usual").Spec.Containers[0].Resources
	if !resources.Limits.Memory().Equal(quantities("memory", "64Mi")["memory"]) || !resources.Requests.Memory().Equal(quantities("memory", "16Mi")["memory"]) {
		t.Errorf("the container got %v", resources)
	}
	_, _ = s.viaProxy("POST", "usual", "/hoard", values("mebibytes", "256"))
	s.podUntil("usual", podLimit, "was killed for its memory", func(pod *corev1.Pod) error {
		last := pod.Status.ContainerStatuses[0].LastTerminationState.Terminated
		if last == nil || last.Reason != "OOMKilled" {
			return fmt.Errorf("last state %+v", last)
		}
		return nil
	})
}

// widget is a resource that only this test's pods ask for, so that nobody else
// is in the way.
const widget = "e2e.bulkhead.dev/widget"

func TestPriorityAndPreemption(t *testing.T) {
	s := newSpace(t)
	node := s.start("where", running([]string{"sleep"})).Spec.NodeName
	capacity := func(ctx context.Context, value string) error {
		key := strings.ReplaceAll(widget, "/", "~1")
		patch := fmt.Sprintf(`[{"op":"add","path":"/status/capacity/%s","value":%q}]`, key, value)
		if value == "" {
			patch = fmt.Sprintf(`[{"op":"remove","path":"/status/capacity/%s"}]`, key)
		}
		_, err := kube.CoreV1().Nodes().Patch(ctx, node, types.JSONPatchType, []byte(patch), metav1.PatchOptions{}, "status")
		return err
	}
	s.must(capacity(s.ctx, "2"))
	s.atEnd(func(ctx context.Context) error { return capacity(ctx, "") })
	for name, value := range map[string]int32{"low": 100, "high": 1000} {
		class := &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: s.name + "-" + name}, Value: value}
		_, err := kube.SchedulingV1().PriorityClasses().Create(s.ctx, class, metav1.CreateOptions{})
		s.must(err)
		s.atEnd(func(ctx context.Context) error {
			return kube.SchedulingV1().PriorityClasses().Delete(ctx, class.Name, metav1.DeleteOptions{})
		})
	}
	wants := func(class string) corev1.PodSpec {
		return running([]string{"sleep"}, func(p *corev1.PodSpec) {
			p.PriorityClassName = s.name + "-" + class
			p.Containers[0].Resources = corev1.ResourceRequirements{Requests: quantities(widget, "1"), Limits: quantities(widget, "1")}
		})
	}
	s.start("low-1", wants("low"))
	s.start("high-1", wants("high"))
	s.create("low-2", wants("low"))
	s.podUntil("low-2", 20*time.Second, "is found to have no place", func(pod *corev1.Pod) error {
		for _, c := range pod.Status.Conditions {
			if c.Type == corev1.PodScheduled && c.Reason == corev1.PodReasonUnschedulable {
				return nil
			}
		}
		return fmt.Errorf("conditions %+v", pod.Status.Conditions)
	})
	s.start("high-2", wants("high"))
	s.podGone("low-1", podLimit)
	if err := isReady(s.pod("high-1")); err != nil {
		t.Errorf("the pod of equal priority was taken for the new one: %v", err)
	}
	if isScheduled(s.pod("low-2")) == nil {
		t.Error("the waiting pod of low priority got a place")
	}
}
