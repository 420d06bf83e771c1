package simulate

import (
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

var (
	t0 = time.Unix(1_000_000_000, 0)
	at = place{nodeIP: "198.18.0.1", podIP: "10.42.0.7", jobDuration: time.Second}
)

func pod(change func(*v1.Pod)) *v1.Pod {
	p := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "p", UID: "u", Generation: 1},
		Spec:       v1.PodSpec{NodeName: "n", Containers: []v1.Container{{Name: "c", Image: "i:1"}}},
		Status:     v1.PodStatus{Phase: v1.PodPending, QOSClass: v1.PodQOSBestEffort},
	}
	if change != nil {
		change(p)
	}
	return p
}

func jobOwned(p *v1.Pod) {
	p.OwnerReferences = []metav1.OwnerReference{{Kind: "Job", Name: "j", Controller: ptr.To(true)}}
}

// played returns the pod after decide's status was written.
func played(t *testing.T, p *v1.Pod, now time.Time) *v1.Pod {
	t.Helper()
	d := decide(p, now, at)
	if d.status == nil {
		t.Fatalf("decide left the pod as it is: %+v", p.Status)
	}
	p = p.DeepCopy()
	p.Status = *d.status
	return p
}

func condition(p *v1.Pod, kind v1.PodConditionType) v1.ConditionStatus {
	for _, c := range p.Status.Conditions {
		if c.Type == kind {
			return c.Status
		}
	}
	return ""
}

func TestBoundPodRunsAndIsReady(t *testing.T) {
	p := played(t, pod(nil), t0)
	s := p.Status
	if s.Phase != v1.PodRunning || s.PodIP != "10.42.0.7" || s.PodIPs[0].IP != s.PodIP || s.HostIP != "198.18.0.1" ||
		!s.StartTime.Time.Equal(t0) || s.ObservedGeneration != 1 || s.QOSClass != v1.PodQOSBestEffort {
		t.Errorf("status %+v", s)
	}
	c := s.ContainerStatuses[0]
	if c.State.Running == nil || !c.Ready || !*c.Started || c.Image != "i:1" || c.ContainerID == "" {
		t.Errorf("container %+v", c)
	}
	for _, kind := range []v1.PodConditionType{v1.PodReady, v1.ContainersReady, v1.PodInitialized, v1.PodScheduled, v1.PodReadyToStartContainers} {
		if condition(p, kind) != v1.ConditionTrue {
			t.Errorf("condition %s is not True", kind)
		}
	}
	if d := decide(p, t0.Add(time.Hour), at); d != (decision{}) {
		t.Errorf("a settled pod is written again: %+v", d)
	}
}

func TestHostNetworkPodHasTheNodesAddress(t *testing.T) {
	if p := played(t, pod(func(p *v1.Pod) { p.Spec.HostNetwork = true }), t0); p.Status.PodIP != at.nodeIP {
		t.Errorf("pod address %s, want the node's", p.Status.PodIP)
	}
}

func TestInitContainersEndAndSidecarsRun(t *testing.T) {
	p := played(t, pod(func(p *v1.Pod) {
		p.Spec.InitContainers = []v1.Container{{Name: "init"}, {Name: "side", RestartPolicy: ptr.To(v1.ContainerRestartPolicyAlways)}}
	}), t0)
	init, side := p.Status.InitContainerStatuses[0], p.Status.InitContainerStatuses[1]
	if init.State.Terminated == nil || init.State.Terminated.ExitCode != 0 || !init.Ready {
		t.Errorf("init container %+v", init)
	}
	if side.State.Running == nil || !side.Ready || !*side.Started {
		t.Errorf("sidecar %+v", side)
	}
}

func TestReadinessGatesAreWaitedFor(t *testing.T) {
	p := played(t, pod(func(p *v1.Pod) { p.Spec.ReadinessGates = []v1.PodReadinessGate{{ConditionType: "lb"}} }), t0)
	if condition(p, v1.PodReady) != v1.ConditionFalse || condition(p, v1.ContainersReady) != v1.ConditionTrue {
		t.Fatalf("conditions %+v, want not ready for its gate", p.Status.Conditions)
	}
	p.Status.Conditions = append(p.Status.Conditions, v1.PodCondition{Type: "lb", Status: v1.ConditionTrue})
	p = played(t, p, t0)
	if condition(p, v1.PodReady) != v1.ConditionTrue || condition(p, "lb") != v1.ConditionTrue {
		t.Errorf("conditions %+v, want ready, and the gate's kept", p.Status.Conditions)
	}
}

func TestJobPodSucceedsAfterItsTime(t *testing.T) {
	p := pod(jobOwned)
	p.Spec.InitContainers = []v1.Container{{Name: "side", RestartPolicy: ptr.To(v1.ContainerRestartPolicyAlways)}}
	d := decide(p, t0, at)
	if d.after != time.Second || d.status.Phase != v1.PodRunning {
		t.Fatalf("decision %+v, want Running for one second", d)
	}
	p = played(t, p, t0)
	p = played(t, p, t0.Add(time.Second))
	s := p.Status
	if s.Phase != v1.PodSucceeded || condition(p, v1.PodReady) != v1.ConditionFalse || s.InitContainerStatuses[0].State.Terminated == nil {
		t.Errorf("status %+v", s)
	}
	ended := s.ContainerStatuses[0].State.Terminated
	if ended == nil || ended.Reason != "Completed" || !ended.StartedAt.Time.Equal(t0) || !ended.FinishedAt.Time.Equal(t0.Add(time.Second)) {
		t.Errorf("container ended as %+v", ended)
	}
	if d := decide(p, t0.Add(time.Hour), at); d != (decision{}) {
		t.Errorf("a pod that ended is touched: %+v", d)
	}
}

func TestDeletedPodIsRemovedOnce(t *testing.T) {
	p := pod(func(p *v1.Pod) {
		p.DeletionTimestamp, p.DeletionGracePeriodSeconds = &metav1.Time{Time: t0}, ptr.To[int64](30)
	})
	if d := decide(p, t0, at); !d.remove || d.status != nil {
		t.Errorf("decision %+v, want remove", d)
	}
	// Its finalizers keep it; that is not ours.
	p.DeletionGracePeriodSeconds = ptr.To[int64](0)
	if d := decide(p, t0, at); d != (decision{}) {
		t.Errorf("decision %+v, want nothing", d)
	}
}

func TestChangedImageRestartsTheContainer(t *testing.T) {
	p := played(t, pod(nil), t0)
	p.Spec.Containers[0].Image, p.Generation = "i:2", 2
	p = played(t, p, t0.Add(time.Minute))
	c := p.Status.ContainerStatuses[0]
	if c.RestartCount != 1 || c.Image != "i:2" || c.LastTerminationState.Terminated == nil || !c.State.Running.StartedAt.Time.Equal(t0.Add(time.Minute)) {
		t.Errorf("container %+v, want restarted with i:2", c)
	}
	if p.Status.ObservedGeneration != 2 {
		t.Errorf("observed generation %d, want 2", p.Status.ObservedGeneration)
	}
}

func TestEphemeralContainerRuns(t *testing.T) {
	p := played(t, pod(nil), t0)
	p.Spec.EphemeralContainers = []v1.EphemeralContainer{{EphemeralContainerCommon: v1.EphemeralContainerCommon{Name: "debug"}}}
	p = played(t, p, t0)
	if s := p.Status.EphemeralContainerStatuses; len(s) != 1 || s[0].State.Running == nil {
		t.Errorf("ephemeral containers %+v", s)
	}
}
