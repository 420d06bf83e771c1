package diagnose_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	rt "github.com/bulkhead-k8s/bulkhead/internal/diagnose/recordtest"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// warStory and what follows are public failures, reduced to what would have been
// recorded: who names the first cause, and which facts the chain must reach.
type publicFailure struct {
	name   string
	happen func(c *rt.Cluster)
	reason string
	object string
	chain  []string
}

func ill(c *rt.Cluster, node string, ago time.Duration) {
	n := c.Node(node)
	n.Status.Conditions[0].Status = corev1.ConditionUnknown
	n.Status.Conditions[0].Message = "Kubelet stopped posting node status."
	n.Status.Conditions[0].LastTransitionTime = metav1.NewTime(rt.Now.Add(-ago))
}

func short(c *rt.Cluster, node string, of corev1.NodeConditionType, ago time.Duration) {
	n := c.Node(node)
	n.Status.Conditions = append(n.Status.Conditions, corev1.NodeCondition{Type: of, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(rt.Now.Add(-ago))})
}

// alsoOn adds a pod of an app that ended on a node.
func alsoOn(c *rt.Cluster, app, node, why string) {
	p := c.Pod(app).DeepCopy()
	p.Name = app + "-6d5f7c8b9d-" + node + "old"
	p.Spec.NodeName = node
	p.Status = corev1.PodStatus{Phase: corev1.PodFailed, Reason: why, Message: "The node was low on resource: memory."}
	c.Put(p)
}

func podRef(c *rt.Cluster, app string) record.Ref { return rt.Ref(c.Pod(app)) }

func limited(c *rt.Cluster, apps ...string) {
	for _, a := range apps {
		r := corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("128Mi")}}
		c.Deployment(a).Spec.Template.Spec.Containers[0].Resources = r
		c.Pod(a).Spec.Containers[0].Resources = r
	}
}

func nodeAlert(c *rt.Cluster, node, name, text string) {
	c.Say(record.Ref{}, &record.Alert{Name: name, Labels: map[string]string{"node": node}, Annotations: map[string]string{"description": text}, StartsAt: rt.Now.Add(-8 * time.Minute)})
}

func daemon(c *rt.Cluster, name string, change func(*appsv1.DaemonSet)) {
	d := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "kube-system"}}
	d.Spec.Template.Spec.Containers = []corev1.Container{{Name: name, Image: "x"}}
	change(d)
	c.Put(d)
}

func dnsApp(c *rt.Cluster) {
	c.App("coredns", 53, "")
}

var publicFailures = []publicFailure{
	{"war story: bad input, cores, a full disk, an autoscaler that helps", func(c *rt.Cluster) {
		limited(c, "web", "cart", "cache")
		c.Crashes("web", 134, "Error")
		for i := range 12 {
			c.Said = append(c.Said, record.Record{Time: rt.Now.Add(-time.Duration(20-i) * time.Minute), Object: podRef(c, "web"), Node: "n1",
				Payload: &record.CoreDump{Container: "web", Signal: 6, Executable: "/usr/bin/node", Bytes: 900 << 20, Stack: []string{"abort", "node::Abort"}}})
		}
		short(c, "n1", corev1.NodeDiskPressure, 9*time.Minute)
		h := &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: rt.Namespace}}
		h.Spec.ScaleTargetRef = autoscalingv2.CrossVersionObjectReference{Kind: "Deployment", Name: "web"}
		h.Spec.MaxReplicas, h.Status.CurrentReplicas = 10, 10
		c.Put(h)
	}, "CrashedBySignal", "Deployment/web", []string{"CoreStorm", "NodeDiskPressure", "ScalerFeedsFailure", "CrashLoop"}},

	{"1: a job that eats node after node", func(c *rt.Cluster) {
		limited(c, "web", "cart", "cache")
		c.App("reindex", 9000, "")
		ill(c, "n1", 40*time.Minute)
		ill(c, "n2", 15*time.Minute)
		alsoOn(c, "reindex", "n2", "Evicted")
	}, "NodeKiller", "Deployment/reindex", []string{"NodeNotReady"}},
	{"2: a process that dumps core, and again", func(c *rt.Cluster) {
		c.Crashes("cart", 139, "Error")
		for i := range 4 {
			c.Said = append(c.Said, record.Record{Time: rt.Now.Add(-time.Duration(9-i) * time.Minute), Object: podRef(c, "cart"), Node: "n1",
				Payload: &record.CoreDump{Container: "cart", Signal: 11, Executable: "cart", Bytes: 8 << 30}})
		}
		short(c, "n1", corev1.NodeDiskPressure, 4*time.Minute)
	}, "CrashedBySignal", "Deployment/cart", []string{"CoreStorm", "NodeDiskPressure"}},
	{"3: hungry pods that move together", func(c *rt.Cluster) {
		limited(c, "web", "cart")
		ill(c, "n1", 40*time.Minute)
		ill(c, "n3", 10*time.Minute)
		alsoOn(c, "cache", "n3", "Evicted")
	}, "NodeKiller", "Deployment/cache", []string{"NodeNotReady"}},
	{"4: an update on all nodes", func(c *rt.Cluster) {
		for _, n := range []string{"n1", "n2", "n3"} {
			before := c.Node(n).DeepCopy()
			before.Status.NodeInfo.OSImage = "Ubuntu 22.04.1"
			c.Node(n).Status.NodeInfo.OSImage = "Ubuntu 22.04.2"
			c.Was(before, 30*time.Minute)
			ill(c, n, 10*time.Minute)
		}
	}, "NodeChanged", "Node/n1", []string{"NodesLostTogether", "NodeNotReady"}},
	{"5: an agent that floods the API server", func(c *rt.Cluster) {
		daemon(c, "telemetry", func(d *appsv1.DaemonSet) { d.Spec.Template.Spec.ServiceAccountName = "telemetry" })
		for i := range 300 {
			a := &record.Audit{Verb: "list", User: "system:serviceaccount:kube-system:telemetry", URI: "/api/v1/pods", Code: 200}
			if i%5 == 0 {
				a.Code = 429
			}
			c.Say(record.Ref{}, a)
		}
		c.Say(record.Ref{}, &record.Component{Name: "coredns", Problem: "down", Message: "caches expired"})
		c.Log("cart", "dial tcp: lookup cache: server misbehaving")
	}, "APIClientFlood", "DaemonSet/telemetry", []string{"APIServerOverloaded", "DNSDown", "NameNotResolved"}},
	{"6: a label that is gone", func(c *rt.Cluster) {
		before := c.Node("n1").DeepCopy()
		before.Labels = map[string]string{"kubernetes.io/hostname": "n1", "node-role.kubernetes.io/master": ""}
		before.Labels["routes"] = "reflector"
		c.Was(before, 20*time.Minute)
		daemon(c, "route-reflector", func(d *appsv1.DaemonSet) {
			d.Spec.Template.Spec.NodeSelector = map[string]string{"routes": "reflector"}
		})
		c.Log("web", "dial tcp cart:7000: connect: no route to host")
	}, "NodeLabelRemoved", "Node/n1", []string{"DaemonSetSelectsNoNode", "CallsFail"}},
	{"7: one slow service, and DNS dies of the retries", func(c *rt.Cluster) {
		dnsApp(c)
		c.Crashes("coredns", 137, "OOMKilled")
		c.Log("web", "dial tcp: lookup cart: server misbehaving")
		c.Log("cart", "dial tcp: lookup cache: server misbehaving")
	}, "OOMKilled", "Deployment/coredns", []string{"DNSDown", "NameNotResolved"}},
	{"8: priorities", func(c *rt.Cluster) {
		c.Pending("cart", "0/3 nodes are available: 3 Insufficient cpu.")
		c.Event(c.Pod("cart"), "Preempted", "Preempted by shop/"+c.Pod("web").Name+" on node n1")
	}, "Preempts", "Deployment/web", []string{"PodPreempted", "PodsPending"}},
	{"9: a restart of all proxies", func(c *rt.Cluster) {
		before := c.Deployment("web").DeepCopy()
		before.Spec.Template.Spec.Containers[0].Image = "registry.example/web:0"
		c.Was(before, 20*time.Minute)
		c.Crashes("web", 1, "Error")
	}, "WorkloadChanged", "Deployment/web", []string{"CrashLoop", "ServiceNoEndpoints"}},
	{"10: sidecars that retry without a pause", func(c *rt.Cluster) {
		c.Log("cart", "dial tcp kafka.example:9092: i/o timeout", "dial tcp kafka.example:9092: i/o timeout")
		c.Alert("cart", "CPUHigh", "cart uses much cpu (+900%)")
		nodeAlert(c, "n1", "NodeCPUHigh", "cpu of n1 (+300%)")
		c.Said = append(c.Said, record.Record{Time: rt.Now, Node: "n1", Payload: &record.Component{Name: "containerd", Problem: "slow", Message: "PLEG"}})
	}, "ExternalUnreachable", "Deployment/cart", []string{"CPUHigh", "NodeCPUHigh", "RuntimeSlow"}},
	{"11: a log agent without a limit", func(c *rt.Cluster) {
		limited(c, "web", "cart")
		c.Alert("cache", "MemoryHigh", "cache uses much memory (+900%)")
		c.Said = append(c.Said, record.Record{Time: rt.Now.Add(-3 * time.Minute), Node: "n1", Payload: &record.OOMKill{Executable: "java"}})
		short(c, "n1", corev1.NodeMemoryPressure, 5*time.Minute)
	}, "MemoryHigh", "Deployment/cache", []string{"NodeOutOfMemory", "NodeMemoryPressure"}},
	{"12: nodes lost, and no room for their pods", func(c *rt.Cluster) {
		limited(c, "web", "cart", "cache")
		ill(c, "n2", 20*time.Minute)
		c.Pending("cart", "0/3 nodes are available: 2 Insufficient memory.")
	}, "KubeletDown", "Node/n2", []string{"NodeNotReady", "InsufficientMemory", "PodsPending"}},
	{"13: the connection table", func(c *rt.Cluster) {
		c.Said = append(c.Said, record.Record{Time: rt.Now, Node: "n1", Payload: &record.Network{Dropped: 90000, Reason: "nf_conntrack: table full"}})
		c.Log("web", "dial tcp cart:7000: i/o timeout")
	}, "ConntrackFull", "Node/n1", []string{"CallsFail"}},
	{"14: a CPU limit", func(c *rt.Cluster) {
		c.Say(podRef(c, "cart"), &record.Throttling{Container: "cart", Periods: 900, Throttled: 800})
		c.Alert("cart", "HighLatency", "cart is slow (+900%)")
		c.Alert("web", "HighErrorRate", "5xx errors on web")
	}, "CPUThrottled", "Deployment/cart", []string{"Slow", "RequestsFail"}},
	{"15: one pod without limits", func(c *rt.Cluster) {
		limited(c, "web", "cart")
		short(c, "n1", corev1.NodeMemoryPressure, 30*time.Minute)
		short(c, "n2", corev1.NodeMemoryPressure, 5*time.Minute)
		alsoOn(c, "cache", "n2", "Evicted")
	}, "NodeKiller", "Deployment/cache", []string{"NodeMemoryPressure"}},
	{"16: releases that take all there is", func(c *rt.Cluster) {
		limited(c, "web", "cart")
		c.Alert("cache", "MemoryHigh", "cache uses much memory (+900%)")
		short(c, "n1", corev1.NodeMemoryPressure, 5*time.Minute)
		c.Node("n1").Status.Conditions[0].Status = corev1.ConditionFalse
		c.Node("n1").Status.Conditions[0].Message = "out of memory"
		c.Down("web")
	}, "MemoryHigh", "Deployment/cache", []string{"NodeMemoryPressure", "NodeNotReady", "PodsNotReady"}},
	{"17: one line in a proxy's template", func(c *rt.Cluster) {
		before := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "proxy", Namespace: rt.Namespace}, Data: map[string]string{"retries": "1"}}
		after := before.DeepCopy()
		after.Data["retries"] = "0"
		c.Was(before, 15*time.Minute)
		c.Put(after)
		c.Deployment("web").Spec.Template.Spec.Containers[0].EnvFrom = []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "proxy"}}}}
		c.Alert("web", "HighErrorRate", "5xx errors on web")
	}, "ConfigChanged", "ConfigMap/proxy", []string{"RequestsFail"}},
	{"18: a health check for etcd", func(c *rt.Cluster) {
		c.App("etcd", 2379, "")
		c.Crashes("etcd", 137, "Error")
		c.Event(c.Pod("etcd"), "Unhealthy", "Liveness probe failed: timeout: context deadline exceeded")
		p := &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/health"}}, PeriodSeconds: 5, FailureThreshold: 2, TimeoutSeconds: 1}
		c.Deployment("etcd").Spec.Template.Spec.Containers[0].LivenessProbe = p
		c.Say(record.Ref{}, &record.Component{Name: "etcd", Problem: "no-quorum"})
		c.Gone("cart")
	}, "ProbeTooTight", "Deployment/etcd", []string{"EtcdNoQuorum", "PodsMissing"}},
}

func TestPublicFailures(t *testing.T) {
	for _, f := range publicFailures {
		t.Run(f.name, func(t *testing.T) {
			c := rt.New()
			f.happen(c)
			in, r := verdict(t, c, record.Ref{})
			if want := f.reason + " " + f.object; told(in.FirstCause) != want {
				t.Errorf("got %s (%.2f), want %s%s", told(in.FirstCause), in.FirstCause.Confidence, want, explain(r))
			}
			for _, want := range f.chain {
				if got := reasons(in.Chain); !slices.Contains(got, want) {
					t.Errorf("the chain does not reach %s: %v", want, got)
				}
			}
		})
	}
}

// What goes on in a cluster that is well is no incident.
func TestQuietOperations(t *testing.T) {
	for name, happen := range map[string]func(*rt.Cluster){
		"rolling upgrade": func(c *rt.Cluster) {
			before := c.Deployment("cart").DeepCopy()
			before.Spec.Template.Spec.Containers[0].Image = "registry.example/cart:0"
			c.Was(before, 5*time.Minute)
			c.Event(c.Pod("cart"), "Unhealthy", "Readiness probe failed: connection refused")
		},
		"drain": func(c *rt.Cluster) {
			c.Node("n3").Spec.Unschedulable = true
			c.Node("n3").Spec.Taints = []corev1.Taint{{Key: "node.kubernetes.io/unschedulable", Effect: corev1.TaintEffectNoSchedule}}
		},
		"scale down": func(c *rt.Cluster) {
			c.App("batch", 9000, "")
			c.Drop(c.Service("batch"))
			c.Gone("batch")
			zero := int32(0)
			c.Deployment("batch").Spec.Replicas = &zero
		},
		"a start that took a few tries": func(c *rt.Cluster) {
			s := &c.Pod("cart").Status.ContainerStatuses[0]
			s.RestartCount = 2
			s.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: 1, FinishedAt: metav1.NewTime(rt.Start.Add(time.Minute))}
			lines := []string{"dial tcp cache:6379: connect: connection refused"}
			for i := range 60 {
				lines = append(lines, fmt.Sprintf("served request %d", i))
			}
			c.Log("cart", lines...)
		},
		"down and up": func(c *rt.Cluster) {
			stopped(c)
			c.Said = append(c.Said, record.Record{Time: rt.Now.Add(-40 * time.Second), Source: "node", Object: record.Ref{Kind: "Node", Name: "n1"}, Node: "n1",
				Payload: &record.Stop{Reason: record.StopAsked, Until: rt.Now.Add(-25 * time.Second)}})
		},
		"a job that is done": func(c *rt.Cluster) {
			j := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "report", Namespace: rt.Namespace}}
			c.Put(j)
			p := c.Pod("cart").DeepCopy()
			p.Name, p.Labels = "report-abcde", nil
			p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "batch/v1", Kind: "Job", Name: "report"}}
			p.Status.Phase = corev1.PodSucceeded
			p.Status.Conditions = nil
			c.Put(p)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := rt.New()
			happen(c)
			if _, r := verdict(t, c, record.Ref{}); len(r.Incidents) != 0 {
				t.Errorf("got %s%s", told(r.Incidents[0].FirstCause), explain(r))
			}
		})
	}
}

// stopped is an app whose container was ended with its node, and runs again.
func stopped(c *rt.Cluster) {
	s := &c.Pod("cart").Status.ContainerStatuses[0]
	s.RestartCount = 1
	s.State.Running.StartedAt = metav1.NewTime(rt.Now.Add(-20 * time.Second))
	s.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: 3, Reason: "Error", StartedAt: metav1.NewTime(rt.Start), FinishedAt: metav1.NewTime(rt.Now.Add(-38 * time.Second))}
}

// Without the record of the stop, the same is a failure.
func TestStopThatIsNotRecorded(t *testing.T) {
	c := rt.New()
	stopped(c)
	if in, r := verdict(t, c, record.Ref{}); told(in.FirstCause) != "ContainerExited Deployment/cart" {
		t.Errorf("got %s%s", told(in.FirstCause), explain(r))
	}
}

func reasons(chain []v1alpha1.Link) []string {
	var out []string
	for _, l := range chain {
		out = append(out, l.ToReason)
	}
	return out
}
