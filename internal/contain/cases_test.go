package contain_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/contain"
	"github.com/bulkhead-k8s/bulkhead/internal/contain/sight"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/recordtest"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// cluster is a recorded cluster with more pods and nodes than the shop has.
type cluster struct{ *recordtest.Cluster }

const (
	oldHash = "6d5f7c8b9d"
	newHash = "7c6f8d9b5c"
)

func ago(d time.Duration) metav1.Time { return metav1.NewTime(recordtest.Now.Add(-d)) }

// newCluster is the healthy shop with six nodes, and its Deployments' sets.
func newCluster() *cluster {
	c := &cluster{recordtest.New()}
	for _, n := range []string{"n4", "n5", "n6"} {
		c.Put(recordtest.Node(n))
	}
	for _, app := range []string{"web", "cart", "cache"} {
		c.set(app, oldHash, 1, 2*time.Hour)
	}
	return c
}

// set adds a revision of an app.
func (c *cluster) set(app, hash string, revision int, age time.Duration) {
	rs := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Name: app + "-" + hash, Namespace: recordtest.Namespace, CreationTimestamp: ago(age),
		Labels: map[string]string{"app": app, "pod-template-hash": hash}, Annotations: map[string]string{"deployment.kubernetes.io/revision": fmt.Sprint(revision)}}}
	yes := true
	rs.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: app, Controller: &yes}}
	c.Put(rs)
}

// pod adds a healthy pod of an app.
func (c *cluster) pod(app, hash, suffix, node string, age time.Duration) *corev1.Pod {
	p := c.Pod(app).DeepCopy()
	p.Name = app + "-" + hash + "-" + suffix
	p.Labels["pod-template-hash"] = hash
	p.OwnerReferences[0].Name = app + "-" + hash
	p.CreationTimestamp = ago(age)
	p.Spec.NodeName = node
	p.Status.PodIP = ""
	c.Put(p)
	d := c.Deployment(app)
	*d.Spec.Replicas++
	d.Status.Replicas++
	d.Status.ReadyReplicas++
	return p
}

func (c *cluster) crash(p *corev1.Pod, code int32, restarts int32, last time.Duration) {
	for i := range p.Status.Conditions {
		if p.Status.Conditions[i].Type == corev1.PodReady {
			p.Status.Conditions[i].Status = corev1.ConditionFalse
			p.Status.Conditions[i].LastTransitionTime = ago(last)
		}
	}
	reason := "Error"
	if code == 0 {
		code, reason = 137, "OOMKilled"
	}
	s := &p.Status.ContainerStatuses[0]
	s.Ready, s.RestartCount = false, restarts
	s.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: "back-off 40s restarting failed container"}}
	s.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason, FinishedAt: ago(last)}
	for n := range restarts {
		c.Said = append(c.Said, record.Record{Time: recordtest.Now.Add(-last - time.Duration(n)*20*time.Second), Source: "api", Object: recordtest.Ref(p),
			Payload: &record.Exit{Container: s.Name, Code: int(code), Reason: reason}})
	}
	if d := c.Deployment(p.Labels["app"]); d.Status.ReadyReplicas > 0 {
		d.Status.ReadyReplicas--
	}
}

func (c *cluster) ill(node string, condition corev1.NodeConditionType, since time.Duration) {
	n := c.Node(node)
	status := corev1.ConditionTrue
	if condition == corev1.NodeReady {
		status = corev1.ConditionUnknown
		n.Status.Conditions = nil
	}
	n.Status.Conditions = append(n.Status.Conditions, corev1.NodeCondition{Type: condition, Status: status, LastTransitionTime: ago(since)})
}

func (c *cluster) scaler(app string, current, desired int32) {
	h := &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Name: app, Namespace: recordtest.Namespace}}
	h.Spec.ScaleTargetRef = autoscalingv2.CrossVersionObjectReference{Kind: "Deployment", Name: app, APIVersion: "apps/v1"}
	h.Spec.MaxReplicas = 20
	h.Status.CurrentReplicas, h.Status.DesiredReplicas = current, desired
	c.Put(h)
}

// storm is the story's failure: web crashes on bad input wherever it goes, and the
// nodes fall ill after it.
func storm() *cluster {
	c := newCluster()
	c.scaler("web", 4, 8)
	for i, n := range []string{"n1", "n2", "n3"} {
		p := c.pod("web", oldHash, fmt.Sprintf("bad%02d", i), n, 40*time.Minute)
		c.crash(p, 134, 4, time.Duration(3-i)*time.Minute)
	}
	c.crash(c.Pod("web"), 134, 5, time.Minute)
	c.ill("n1", corev1.NodeDiskPressure, 2*time.Minute)
	return c
}

// look is the whole way from records to brakes.
func (c *cluster) look() (in contain.Input, verdict string) { return c.lookAt(recordtest.Now) }

func (c *cluster) lookAt(now time.Time) (in contain.Input, verdict string) {
	m := model.New()
	for _, r := range c.Records() {
		m.Add(r)
	}
	result := diagnose.Of(m, diagnose.Options{Now: now})
	in.View = sight.Of(m, now)
	for i, s := range result.Incidents {
		one := v1alpha1.Incident{Status: s}
		one.Namespace, one.Name = recordtest.Namespace, fmt.Sprintf("incident-%d", i)
		in.Incidents = append(in.Incidents, one)
		verdict += fmt.Sprintf("%s %s/%s %.2f; ", s.FirstCause.Reason, s.FirstCause.Object.Kind, s.FirstCause.Object.Name, s.FirstCause.Confidence)
	}
	return in, verdict
}

// everything is a policy that would do all that it may.
func everything() v1alpha1.ContainmentPolicy {
	p := v1alpha1.ContainmentPolicy{}
	p.Name = "all"
	for _, a := range contain.Actions {
		p.Spec.Brakes = append(p.Spec.Brakes, v1alpha1.BrakeRule{Action: a, Mode: v1alpha1.ModeAct})
	}
	return p
}

func told(steps []contain.Step) []string {
	var out []string
	for _, s := range steps {
		b := &s.Brake
		out = append(out, fmt.Sprintf("%s %s %s %s %s", s.Verb, b.Spec.Mode, b.Spec.Action, b.Spec.Target.Kind, b.Spec.Target.Name))
	}
	return out
}

func TestStormIsContained(t *testing.T) {
	in, verdict := storm().look()
	in.Policies = []v1alpha1.ContainmentPolicy{everything()}
	_, steps := contain.Decide(contain.Memory{}, in)
	want := []string{
		"hold Act ScaleUp Deployment web", "hold Act Repair Node n1", "hold Act Spread Deployment web", "hold Act DiskUse Deployment web",
		"hold Act Restart Deployment web", "hold Act Disruption Deployment web",
	}
	if got := told(steps); !slices.Equal(got, want) {
		t.Errorf("verdict %s: held\n%q, want\n%q", verdict, got, want)
	}
	for _, s := range steps {
		if s.Brake.Spec.Action == v1alpha1.ActionSpread && !slices.Equal(s.Brake.Spec.Nodes, []string{"n1", "n2", "n3"}) {
			t.Errorf("it may go to %v", s.Brake.Spec.Nodes)
		}
		if len(s.Brake.Status.Evidence) < 2 || s.Brake.Spec.Message == "" || s.Brake.Status.Before == nil {
			t.Errorf("%s says too little: %+v", s.Brake.Name, s.Brake)
		}
	}
}

func TestBuiltInPolicyOnlyLetsWait(t *testing.T) {
	in, _ := storm().look()
	_, steps := contain.Decide(contain.Memory{}, in)
	for _, s := range steps {
		want := v1alpha1.ModeAdvise
		if a := s.Brake.Spec.Action; a == v1alpha1.ActionScaleUp || a == v1alpha1.ActionRepair {
			want = v1alpha1.ModeAct
		}
		if s.Brake.Spec.Mode != want {
			t.Errorf("%s: mode %s, want %s", s.Brake.Name, s.Brake.Spec.Mode, want)
		}
	}
	if len(steps) == 0 {
		t.Error("nothing is held")
	}
}

// falseAlarms are what looks like a failing workload and is none, or is not the
// workload's own fault: nothing may be held, not even by a policy that acts on all.
var falseAlarms = map[string]func(c *cluster){
	"nothing fails": func(*cluster) {},
	"real load growth: the autoscaler scales up and pods wait for nodes": func(c *cluster) {
		c.scaler("web", 4, 8)
		c.Alert("web", "HighCPU", "CPU usage of web is at 95%")
		for i := range 4 {
			p := c.pod("web", oldHash, fmt.Sprintf("new%02d", i), "", 30*time.Second)
			p.Status = corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "0/6 nodes are available: 6 Insufficient cpu.", LastTransitionTime: ago(30 * time.Second)}}}
			c.Event(p, "FailedScheduling", "0/6 nodes are available: 6 Insufficient cpu.")
		}
	},
	"load growth that takes a pod's memory, before more pods have come": func(c *cluster) {
		c.scaler("web", 1, 3)
		c.crash(c.Pod("web"), 0, 4, time.Minute)
	},
	"slow start: the liveness probe kills it": func(c *cluster) {
		p := c.pod("web", oldHash, "slow0", "n2", 3*time.Minute)
		c.crash(p, 137, 3, 20*time.Second)
		c.Event(p, "Unhealthy", "Liveness probe failed: Get \"http://10.1.0.9:80/\": dial tcp 10.1.0.9:80: connect: connection refused")
		c.Event(p, "Killing", "Container web failed liveness probe, will be restarted")
	},
	"rolling upgrade: the old pods end on SIGTERM": func(c *cluster) {
		c.set("web", newHash, 2, 2*time.Minute)
		for i := range 3 {
			c.pod("web", newHash, fmt.Sprintf("new%02d", i), "n2", time.Minute)
			old := c.pod("web", oldHash, fmt.Sprintf("old%02d", i), "n3", time.Hour)
			c.crash(old, 143, 1, 10*time.Second)
			now := ago(20 * time.Second)
			old.DeletionTimestamp = &now
		}
	},
	"flaky test pod": func(c *cluster) {
		p := c.pod("web", oldHash, "x", "n2", 5*time.Minute)
		c.Drop(p)
		*c.Deployment("web").Spec.Replicas, c.Deployment("web").Status.Replicas, c.Deployment("web").Status.ReadyReplicas = 1, 1, 1
		flaky := p.DeepCopy()
		flaky.Name, flaky.OwnerReferences, flaky.Labels = "flaky-test", nil, nil
		flaky.Spec.RestartPolicy = corev1.RestartPolicyNever
		flaky.Status.Phase, flaky.Status.Reason = corev1.PodFailed, "Error"
		flaky.Status.ContainerStatuses[0].State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error", FinishedAt: ago(time.Minute)}}
		c.Put(flaky)
	},
	"zone loss: half of the nodes stop at once": func(c *cluster) {
		for i, n := range []string{"n1", "n2", "n3"} {
			c.ill(n, corev1.NodeReady, 3*time.Minute)
			p := c.pod("web", oldHash, fmt.Sprintf("lost%d", i), n, time.Hour)
			for k := range p.Status.Conditions {
				if p.Status.Conditions[k].Type == corev1.PodReady {
					p.Status.Conditions[k].Status = corev1.ConditionFalse
				}
			}
		}
		c.Down("web")
	},
	"node drain: pods are evicted and killed": func(c *cluster) {
		c.Node("n1").Spec.Unschedulable = true
		p := c.pod("web", oldHash, "gone0", "n1", time.Hour)
		c.crash(p, 143, 1, 15*time.Second)
		now := ago(30 * time.Second)
		p.DeletionTimestamp = &now
		c.pod("web", oldHash, "new00", "n2", 10*time.Second)
	},
	"one node's hardware: all pods on it fail": func(c *cluster) {
		c.ill("n1", corev1.NodeReady, 4*time.Minute)
		for _, app := range []string{"web", "cart", "cache"} {
			c.crash(c.Pod(app), 137, 1, 4*time.Minute)
		}
	},
	"the dependency is down, and its callers end": func(c *cluster) {
		c.crash(c.Pod("cache"), 1, 0, time.Minute)
		c.Gone("cache")
		*c.Deployment("cache").Spec.Replicas = 0
		for range 3 {
			c.Log("cart", "panic: dial tcp: connect to cache:6379: connection refused")
		}
		c.crash(c.Pod("cart"), 2, 5, time.Minute)
	},
	"DNS is down in the whole cluster": func(c *cluster) {
		dns := c.Pod("cache").DeepCopy()
		dns.Name, dns.Namespace = "coredns-6d5f7c8b9d-aaaaa", "kube-system"
		c.Say(record.Ref{Kind: "Component", Name: "coredns"}, &record.Component{Name: "coredns", Problem: "down", Message: "no answer on 10.96.0.10:53"})
		c.Log("web", "dial tcp: lookup cart on 10.96.0.10:53: read udp: i/o timeout")
		c.Log("cart", "dial tcp: lookup cache on 10.96.0.10:53: read udp: i/o timeout")
		c.crash(c.Pod("cart"), 1, 4, time.Minute)
		c.crash(c.Pod("web"), 1, 4, time.Minute)
	},
	"the quota is used up": func(c *cluster) {
		*c.Deployment("web").Spec.Replicas = 3
		c.SetEvent("web", "FailedCreate", `Error creating: pods "web-x" is forbidden: exceeded quota: mem, requested: memory=1Gi, used: memory=4Gi, limited: memory=4Gi`)
	},
	"a Job that fails by design": func(c *cluster) {
		j := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "must-fail", Namespace: recordtest.Namespace, CreationTimestamp: ago(8 * time.Minute)}}
		j.Spec.Template.Spec = *c.Pod("web").Spec.DeepCopy()
		j.Status.Failed = 5
		c.Put(j)
		for i := range 5 {
			p := c.Pod("web").DeepCopy()
			p.Name, p.Labels = fmt.Sprintf("must-fail-aaaa%d", i), map[string]string{"job-name": "must-fail"}
			yes := true
			p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "batch/v1", Kind: "Job", Name: "must-fail", Controller: &yes}}
			p.Status.Phase, p.Status.PodIP, p.Spec.NodeName = corev1.PodFailed, "", fmt.Sprintf("n%d", i+1)
			p.Status.ContainerStatuses[0].State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 3, Reason: "Error", FinishedAt: ago(time.Duration(i+1) * time.Minute)}}
			c.Put(p)
		}
	},
	"a canary that its owner is rolling back": func(c *cluster) {
		c.set("web", newHash, 2, 20*time.Minute)
		for i := range 2 {
			c.crash(c.pod("web", newHash, fmt.Sprintf("can%02d", i), "n2", 15*time.Minute), 134, 4, time.Minute)
		}
		c.set("web", oldHash, 3, 2*time.Hour) // the rollback gives the old set a new number
		c.pod("web", oldHash, "back0", "n3", time.Minute)
	},
	"a container ended once and is well again": func(c *cluster) {
		p := c.pod("web", oldHash, "once0", "n2", time.Hour)
		s := &p.Status.ContainerStatuses[0]
		s.RestartCount = 1
		s.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: 139, Reason: "Error", FinishedAt: ago(30 * time.Second)}
	},
	"the registry cannot be reached": func(c *cluster) {
		c.Waits("web", "ImagePullBackOff", `Back-off pulling image "registry.example/web:1"`)
		c.Event(c.Pod("web"), "Failed", `Failed to pull image "registry.example/web:1": dial tcp: lookup registry.example on 10.0.0.2:53: no such host`)
	},
	"memory pressure on a node by something else, and its pods are evicted": func(c *cluster) {
		c.ill("n1", corev1.NodeMemoryPressure, 3*time.Minute)
		p := c.pod("cart", oldHash, "evict", "n1", time.Hour)
		p.Status.Phase, p.Status.Reason, p.Status.Message = corev1.PodFailed, "Evicted", "The node was low on resource: memory."
		c.Event(p, "Evicted", "The node was low on resource: memory.")
	},
}

func TestFalseAlarms(t *testing.T) {
	for name, breaks := range falseAlarms {
		t.Run(name, func(t *testing.T) {
			c := newCluster()
			breaks(c)
			var memory contain.Memory
			for _, later := range []time.Duration{0, 5 * time.Second, 30 * time.Second, 2 * time.Minute} { // time alone makes it no worse
				in, verdict := c.lookAt(recordtest.Now.Add(later))
				in.Policies = []v1alpha1.ContainmentPolicy{everything()}
				var steps []contain.Step
				memory, steps = contain.Decide(memory, in)
				for _, s := range steps {
					t.Errorf("after %s, verdict %s: %s %s %s: %s", later, verdict, s.Verb, s.Brake.Spec.Action, s.Brake.Spec.Target.Name, s.Message)
				}
				if later == 0 {
					t.Log(verdict)
				}
			}
		})
	}
}
