// Package containment shows on a real control plane, whose nodes are simulated, that
// a workload that fails is held, that nothing else is, and that all is as before
// afterwards.
package containment

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/test/cluster"
)

const (
	testLimit = 4 * time.Minute
	space     = "default"
)

// ship is a test with its cluster.
type ship struct {
	*testing.T
	*cluster.Cluster
	ctx  context.Context
	kube kubernetes.Interface
}

func newShip(t *testing.T) *ship {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: a cluster takes seconds to start")
	}
	if err := cluster.Supported(); err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), cluster.Patience(testLimit))
	t.Cleanup(cancel)
	c, err := cluster.New(ctx, cluster.Options{Label: "bh-contain", Simulate: true, Args: []string{"--simulated-nodes", "6"}})
	if err != nil {
		t.Fatal(err)
	}
	s := &ship{T: t, Cluster: c, ctx: ctx}
	t.Cleanup(func() {
		if t.Failed() {
			var logs strings.Builder
			c.WriteLogs(&logs, 40)
			t.Log(logs.String())
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := c.Remove(ctx); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	s.must(c.Start(ctx))
	access, err := c.REST()
	s.must(err)
	s.kube, err = kubernetes.NewForConfig(access)
	s.must(err)
	return s
}

func (s *ship) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *ship) eventually(what string, check func() error) {
	s.Helper()
	deadline := time.Now().Add(cluster.Patience(30 * time.Second))
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) || s.ctx.Err() != nil {
			s.Fatalf("%s: %v", what, err)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func (s *ship) bulkhead(args ...string) string {
	s.Helper()
	command, err := s.Command(s.ctx, "bulkhead", append(args, "--data-dir="+s.Config.DataDir)...)
	s.must(err)
	var out, said bytes.Buffer
	command.Stdout, command.Stderr = &out, &said
	if err := command.Run(); err != nil {
		s.Fatalf("bulkhead %s: %v: %s", strings.Join(args, " "), err, said.String())
	}
	return out.String()
}

func (s *ship) apply(plural string, o any) {
	s.Helper()
	body, err := json.Marshal(o)
	s.must(err)
	s.eventually("write to "+plural, func() error { // the daemon may still be installing the kind
		return s.kube.CoreV1().RESTClient().Post().AbsPath("/apis/bulkhead.dev/v1alpha1/"+plural).SetHeader("Content-Type", "application/json").Body(body).Do(s.ctx).Error()
	})
}

// brakes are those that hold, by action.
func (s *ship) brakes() map[v1alpha1.Action]v1alpha1.Brake {
	s.Helper()
	var all []v1alpha1.Brake
	s.must(json.Unmarshal([]byte(s.bulkhead("contain", "list", "-o", "json")), &all))
	out := map[v1alpha1.Action]v1alpha1.Brake{}
	for _, b := range all {
		if b.Holds(time.Now()) {
			out[b.Spec.Action] = b
		}
	}
	return out
}

func (s *ship) deploy(name string, replicas int32) {
	s.Helper()
	labels := map[string]string{"app": name}
	_, err := s.kube.AppsV1().Deployments(space).Create(s.ctx, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.DeploymentSpec{Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "no.such.registry.example/app:1"}}}}},
	}, metav1.CreateOptions{})
	s.must(err)
	minimum := int32(1)
	_, err = s.kube.AutoscalingV2().HorizontalPodAutoscalers(space).Create(s.ctx, &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       autoscalingv2.HorizontalPodAutoscalerSpec{MinReplicas: &minimum, MaxReplicas: 20, ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: name}},
	}, metav1.CreateOptions{})
	s.must(err)
	s.eventually(name+" is ready", func() error {
		d, err := s.kube.AppsV1().Deployments(space).Get(s.ctx, name, metav1.GetOptions{})
		if err == nil && d.Status.ReadyReplicas != replicas {
			err = fmt.Errorf("%d of %d are ready", d.Status.ReadyReplicas, replicas)
		}
		return err
	})
}

func (s *ship) pods(app string) []corev1.Pod {
	s.Helper()
	list, err := s.kube.CoreV1().Pods(space).List(s.ctx, metav1.ListOptions{LabelSelector: "app=" + app})
	s.must(err)
	return list.Items
}

// crash says of each pod of an app that its container has ended n times, on SIGABRT.
func (s *ship) crash(app string, n int32) {
	s.Helper()
	for _, p := range s.pods(app) {
		now := metav1.Now()
		status := corev1.ContainerStatus{Name: "app", Image: "x", ImageID: "x", RestartCount: n,
			State:                corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: "back-off restarting failed container"}},
			LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 134, Reason: "Error", FinishedAt: now, StartedAt: now}}}
		patch, err := json.Marshal(map[string]any{"status": map[string]any{"containerStatuses": []any{status},
			"conditions": []any{map[string]any{"type": "Ready", "status": "False"}, map[string]any{"type": "ContainersReady", "status": "False"}}}})
		s.must(err)
		if _, err := s.kube.CoreV1().Pods(space).Patch(s.ctx, p.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status"); err != nil && !apierrors.IsNotFound(err) {
			s.Fatal(err)
		}
	}
}

// press says that a node's disk is nearly full.
func (s *ship) press(node string) {
	s.Helper()
	patch, err := json.Marshal(map[string]any{"status": map[string]any{"conditions": []any{map[string]any{
		"type": "DiskPressure", "status": "True", "reason": "KubeletHasDiskPressure", "lastTransitionTime": metav1.Now(), "lastHeartbeatTime": metav1.Now()}}}})
	s.must(err)
	_, err = s.kube.CoreV1().Nodes().Patch(s.ctx, node, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	s.must(err)
}

func TestFailingWorkloadIsContained(t *testing.T) {
	s := newShip(t)
	policy := v1alpha1.ContainmentPolicy{TypeMeta: metav1.TypeMeta{APIVersion: "bulkhead.dev/v1alpha1", Kind: "ContainmentPolicy"}}
	policy.Name = "act"
	for _, a := range []v1alpha1.Action{v1alpha1.ActionSpread, v1alpha1.ActionDiskUse, v1alpha1.ActionDisruption} {
		policy.Spec.Brakes = append(policy.Spec.Brakes, v1alpha1.BrakeRule{Action: a, Mode: v1alpha1.ModeAct})
	}
	s.apply("containmentpolicies", policy)
	s.deploy("web", 2)
	s.deploy("good", 2)

	for n := range int32(4) {
		s.crash("web", n+1)
		time.Sleep(1100 * time.Millisecond) // ends are told apart by the second
	}
	began := time.Now()
	held := map[v1alpha1.Action]v1alpha1.Brake{}
	s.eventually("web is held", func() error {
		held = s.brakes()
		for _, a := range []v1alpha1.Action{v1alpha1.ActionScaleUp, v1alpha1.ActionSpread, v1alpha1.ActionDiskUse, v1alpha1.ActionDisruption} {
			b, ok := held[a]
			if !ok || len(b.Status.Conditions) < 2 {
				s.crash("web", 5)
				return fmt.Errorf("%s is not held, or not carried out: %+v", a, b.Status.Conditions)
			}
			if b.Spec.Target.Name != "web" {
				s.Fatalf("%s of %s is held", a, b.Spec.Target.Name)
			}
		}
		return nil
	})
	t.Logf("held and carried out %.1f s after the last crash", time.Since(began).Seconds())

	s.scaledUpOnlyWhereItIs(held[v1alpha1.ActionSpread].Spec.Nodes)
	s.othersAreFree()

	node := held[v1alpha1.ActionSpread].Spec.Nodes[0]
	s.press(node)
	s.eventually("the node that web made ill is not repaired", func() error {
		b, ok := s.brakes()[v1alpha1.ActionRepair]
		if !ok || b.Spec.Target.Name != node {
			s.crash("web", 6)
			return fmt.Errorf("brake %+v", b.Spec)
		}
		return nil
	})

	explained := s.bulkhead("contain", "explain", held[v1alpha1.ActionScaleUp].Name)
	for _, want := range []string{"ScaleUp of deployment/web -n default is held.", "We know from", "scaling up is off", "bulkhead contain release"} {
		if !strings.Contains(explained, want) {
			t.Errorf("%q is missing in:\n%s", want, explained)
		}
	}
	s.asBeforeAfterRelease()
}

// scaledUpOnlyWhereItIs adds replicas of web: they go to its nodes only, and may write
// little there.
func (s *ship) scaledUpOnlyWhereItIs(nodes []string) {
	s.Helper()
	s.eventually("new pods go only where web is", func() error {
		known := s.pods("web")
		for _, p := range known { // those that were made before the API server knew of the brake
			if p.Spec.Affinity == nil && len(known) > 2 {
				s.must(s.kube.CoreV1().Pods(space).Delete(s.ctx, p.Name, metav1.DeleteOptions{}))
			}
		}
		if _, err := s.kube.AppsV1().Deployments(space).Patch(s.ctx, "web", types.MergePatchType, []byte(`{"spec":{"replicas":8}}`), metav1.PatchOptions{}); err != nil {
			return err
		}
		time.Sleep(time.Second)
		confined := 0
		for _, p := range s.pods("web") {
			if p.Spec.Affinity == nil || p.DeletionTimestamp != nil {
				continue
			}
			confined++
			if p.Spec.NodeName != "" && !slices.Contains(nodes, p.Spec.NodeName) {
				s.Fatalf("pod %s is on %s, of %v", p.Name, p.Spec.NodeName, nodes)
			}
			if q := p.Spec.Containers[0].Resources.Limits.StorageEphemeral(); q.Value() != 1<<30 {
				return fmt.Errorf("pod %s may write %s", p.Name, q)
			}
			if p.Annotations["cluster-autoscaler.kubernetes.io/pod-scale-up-delay"] == "" {
				return fmt.Errorf("pod %s buys nodes", p.Name)
			}
		}
		if confined < 6 {
			return fmt.Errorf("%d pods are confined", confined)
		}
		return nil
	})
}

// othersAreFree changes and scales another workload: nothing of it is held.
func (s *ship) othersAreFree() {
	s.Helper()
	_, err := s.kube.AppsV1().Deployments(space).Patch(s.ctx, "good", types.MergePatchType, []byte(`{"spec":{"replicas":6,"template":{"metadata":{"annotations":{"v":"2"}}}}}`), metav1.PatchOptions{})
	s.must(err)
	s.eventually("another is upgraded and grows", func() error {
		d, err := s.kube.AppsV1().Deployments(space).Get(s.ctx, "good", metav1.GetOptions{})
		if err == nil && (d.Status.ReadyReplicas != 6 || d.Status.UpdatedReplicas != 6) {
			err = fmt.Errorf("%+v", d.Status)
		}
		return err
	})
	for _, p := range s.pods("good") {
		if p.Spec.Affinity != nil || len(p.Spec.Containers[0].Resources.Limits) > 0 {
			s.Errorf("pod %s of another is changed: %+v", p.Name, p.Spec)
		}
	}
	h, err := s.kube.AutoscalingV2().HorizontalPodAutoscalers(space).Get(s.ctx, "good", metav1.GetOptions{})
	s.must(err)
	if h.Spec.Behavior != nil && h.Spec.Behavior.ScaleUp != nil && *h.Spec.Behavior.ScaleUp.SelectPolicy == autoscalingv2.DisabledPolicySelect {
		s.Error("the autoscaler of another is held")
	}
}

func (s *ship) asBeforeAfterRelease() {
	s.Helper()
	h, err := s.kube.AutoscalingV2().HorizontalPodAutoscalers(space).Get(s.ctx, "web", metav1.GetOptions{})
	s.must(err)
	if h.Spec.Behavior == nil || h.Spec.Behavior.ScaleUp == nil || *h.Spec.Behavior.ScaleUp.SelectPolicy != autoscalingv2.DisabledPolicySelect {
		s.Errorf("web's autoscaler is free: %+v", h.Spec.Behavior)
	}
	s.bulkhead("contain", "release", "--all")
	s.eventually("all is as before", func() error {
		h, err := s.kube.AutoscalingV2().HorizontalPodAutoscalers(space).Get(s.ctx, "web", metav1.GetOptions{})
		if err != nil || h.Spec.Behavior != nil && h.Spec.Behavior.ScaleUp != nil {
			return fmt.Errorf("web's autoscaler has %+v (%w)", h.Spec.Behavior, err)
		}
		budgets, err := s.kube.PolicyV1().PodDisruptionBudgets(space).List(s.ctx, metav1.ListOptions{})
		if err != nil || len(budgets.Items) > 0 {
			return fmt.Errorf("there are %d budgets (%w)", len(budgets.Items), err)
		}
		policies, err := s.kube.AdmissionregistrationV1().MutatingAdmissionPolicies().List(s.ctx, metav1.ListOptions{})
		if err != nil || len(policies.Items) > 0 {
			return fmt.Errorf("there are %d admission policies (%w)", len(policies.Items), err)
		}
		nodes, err := s.kube.CoreV1().Nodes().List(s.ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, n := range nodes.Items {
			if n.Annotations["cluster-autoscaler.kubernetes.io/scale-down-disabled"] != "" {
				return fmt.Errorf("node %s is marked", n.Name)
			}
		}
		return nil
	})
	s.crash("web", 9)
	time.Sleep(2 * time.Second)
	if b := s.brakes(); len(b) != 0 {
		s.Errorf("what was released is held again: %v", b)
	}
	s.eventually("the journal knows of it", func() error {
		out := s.bulkhead("history", "deploy/web", "-n", space)
		for _, want := range []string{"containment: hold ScaleUp", "containment: end ScaleUp"} {
			if !strings.Contains(out, want) {
				return fmt.Errorf("%q is missing in:\n%s", want, out)
			}
		}
		return nil
	})
	out := s.bulkhead("contain", "simulate")
	if !strings.Contains(out, "ScaleUp") || !strings.Contains(out, "holds would have begun") {
		s.Errorf("played back, nothing is held:\n%s", out)
	}
}
