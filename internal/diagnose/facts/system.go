package facts

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/logline"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
)

// system finds trouble of Kubernetes' own parts.
func system(m *model.Model, emit func(Fact)) {
	unattended(m, emit)
	proxies(m, emit)
	dns(m, emit)
	components(m, emit)
	for node, n := range m.Network() {
		if n.Dropped > 0 && strings.Contains(n.Reason, "conntrack") {
			emit(Fact{ID: "ConntrackFull", Object: model.Key{Kind: model.KindNode, Name: node}, Still: true, Size: float64(n.Dropped),
				Message:  fmt.Sprintf("the node's connection table is full: %d packets were dropped", n.Dropped),
				Evidence: []Evidence{evidence("state", n.Reason, m.Now)}})
		}
	}
}

// unattended finds pods that no scheduler has looked at: nothing was tried, nothing
// was said.
func unattended(m *model.Model, emit func(Fact)) {
	var waiting []*model.Pod
	for _, p := range m.Pods() {
		if p.Placed() || p.Status.Phase != corev1.PodPending || p.DeletionTimestamp != nil || len(p.Spec.SchedulingGates) > 0 {
			continue
		}
		if n := p.Spec.SchedulerName; n != "" && n != corev1.DefaultSchedulerName {
			continue
		}
		if c := p.Condition(corev1.PodScheduled); c != nil {
			continue
		}
		said := false
		for _, e := range m.Events(p.Key) {
			said = said || e.Reason == "FailedScheduling" || e.Reason == "Scheduled" || e.Reason == "SchedulingGated"
		}
		if !said && (p.Shown() || len(m.Events(p.Key)) > 0) && m.Now.Sub(p.Since()) > 20*time.Second {
			waiting = append(waiting, p)
		}
	}
	if len(waiting) == 0 {
		return
	}
	f := Fact{ID: "SchedulerDown", Object: schedulerAt(m), Still: true, Since: sinceBad(waiting), Pods: keys(waiting), Strength: 0.9,
		Message: fmt.Sprintf("%d pods wait for a node, and the scheduler has not looked at them: it is down or stuck", len(waiting))}
	f.Evidence = append(f.Evidence, evidence("state", "pod "+waiting[0].Key.Name+" is Pending, without the condition PodScheduled and without an event of the scheduler", m.Now))
	for _, p := range waiting {
		f.About = append(f.About, p.Workload.Key)
	}
	emit(f)
}

// schedulerAt is the node of the scheduler's pod, else the control plane's only
// node, else the component.
func schedulerAt(m *model.Model) model.Key {
	for _, p := range m.Pods() {
		if p.Labels["component"] == "kube-scheduler" && p.Spec.NodeName != "" {
			return p.Key
		}
	}
	var at []string
	for _, n := range m.Nodes() {
		if controlPlane(n) {
			at = append(at, n.Name)
		}
	}
	if len(at) == 1 {
		return model.Key{Kind: model.KindNode, Name: at[0]}
	}
	return model.Key{Kind: "Component", Name: "kube-scheduler"}
}

// proxies finds nodes on which the DaemonSet of the service proxy has no ready pod
// while it has on others.
func proxies(m *model.Model, emit func(Fact)) {
	for _, w := range m.Workloads() {
		var id, text string
		switch {
		case w.Key.Name == "kube-proxy":
			id, text = "KubeProxyDown", "kube-proxy does not run on the node: connections to Services from there fail"
		case w.Key.Kind == model.KindDaemonSet && networkAgent(w):
			id, text = "CNIDown", "the network agent "+w.Key.Name+" does not run on the node"
		default:
			continue
		}
		for _, p := range w.Pods {
			if ready, known := p.Ready(); known && !ready && p.Spec.NodeName != "" && nodeReady(m, p.Spec.NodeName) {
				emit(Fact{ID: id, Object: model.Key{Kind: model.KindNode, Name: p.Spec.NodeName}, Still: true, Since: sinceBad([]*model.Pod{p}), Strength: 0.9,
					Message: text, Evidence: []Evidence{evidence("state", "pod "+p.Key.Name+" "+phrase(p), m.Now)}})
			}
		}
		if len(w.Pods) == 0 || w.Replicas == nil || !m.Listed(model.KindPod, w.Key.Namespace) {
			continue
		}
		for _, n := range m.Nodes() {
			has := false
			for _, p := range w.Pods {
				has = has || p.Spec.NodeName == n.Name
			}
			if !has && len(n.Spec.Taints) == 0 && nodeReady(m, n.Name) && id == "KubeProxyDown" {
				emit(Fact{ID: id, Object: model.Key{Kind: model.KindNode, Name: n.Name}, Still: true, Strength: 0.9,
					Message: text, Evidence: []Evidence{evidence("state", "no pod of kube-proxy is on the node", m.Now)}})
			}
		}
	}
}

func networkAgent(w *model.Workload) bool {
	for _, s := range []string{"flannel", "calico-node", "cilium", "weave-net", "antrea-agent", "kube-router", "canal"} {
		if strings.Contains(w.Key.Name, s) {
			return true
		}
	}
	return false
}

func nodeReady(m *model.Model, name string) bool {
	for _, n := range m.Nodes() {
		if n.Name == name {
			s, _ := readyStatus(n)
			return s == corev1.ConditionTrue || s == ""
		}
	}
	return true
}

// servesDNS says that a workload is the cluster's DNS.
func servesDNS(w *model.Workload) bool {
	return w.Key.Name == "coredns" || w.Key.Name == "kube-dns" || w.Labels()["k8s-app"] == "kube-dns"
}

// isDNS says that an object is the cluster's DNS, or the Service before it.
func isDNS(m *model.Model, k model.Key) bool {
	if w := m.Workload(k); w != nil {
		return servesDNS(w)
	}
	return k.Kind == model.KindService && k.Namespace == "kube-system" && k.Name == "kube-dns"
}

// dns finds a cluster DNS without a ready pod.
func dns(m *model.Model, emit func(Fact)) {
	for _, w := range m.Workloads() {
		if !servesDNS(w) {
			continue
		}
		h := healthOf(w)
		switch {
		case w.Replicas != nil && *w.Replicas == 0:
			emit(Fact{ID: "DNSDown", Object: w.Key, Still: true, Strength: 0.95, Message: "the cluster's DNS is scaled to zero: no name can be resolved",
				Evidence: []Evidence{evidence("state", "spec.replicas is 0", m.Now)}})
		case h.ready == 0 && (len(h.bad) > 0 || h.missing > 0):
			emit(Fact{ID: "DNSDown", Object: w.Key, Still: true, Since: sinceBad(h.bad), Strength: 0.95, Message: "no pod of the cluster's DNS is ready: names cannot be resolved",
				Evidence: []Evidence{evidence("state", "no ready pod", m.Now)}})
		}
	}
}

var componentFacts = map[string]string{
	"etcd/slow": "EtcdSlow", "etcd/quota": "EtcdQuota", "etcd/no-quorum": "EtcdNoQuorum", "etcd/down": "EtcdNoQuorum",
	"kube-apiserver/overloaded": "APIServerOverloaded", "kube-apiserver/slow": "APIServerOverloaded", "kube-apiserver/down": "APIServerDown",
	"kube-scheduler/down": "SchedulerDown", "kube-scheduler/error": "SchedulerDown",
	"kube-controller-manager/down": "ControllerManagerDown", "kube-controller-manager/error": "ControllerManagerDown",
	"kubelet/down": "KubeletDown", "kubelet/error": "KubeletDown", "containerd/down": "RuntimeDown", "cri-o/down": "RuntimeDown", "containerd/slow": "RuntimeSlow",
	"kube-proxy/down": "KubeProxyDown", "coredns/down": "DNSDown", "coredns/overloaded": "DNSOverloaded", "coredns/slow": "DNSOverloaded",
}

// sameTrouble is after what pause a part's trouble is another one.
const sameTrouble = 30 * time.Minute

// components finds what is reported of parts, again and again while it lasts.
func components(m *model.Model, emit func(Fact)) {
	type id struct{ name, problem, node string }
	began, last := map[id]time.Time{}, map[id]model.Component{}
	for _, c := range m.Components() {
		k := id{c.Name, c.Problem, c.Node}
		if old, ok := last[k]; !ok || c.Time.Sub(old.Time) > sameTrouble {
			began[k] = c.Time
		}
		last[k] = c
	}
	for k, c := range last {
		component(m, c, began[k], emit)
	}
}

func component(m *model.Model, c model.Component, since time.Time, emit func(Fact)) {
	id := componentFacts[c.Name+"/"+c.Problem]
	if id == "" {
		return
	}
	f := Fact{ID: id, Object: model.Key{Kind: "Component", Name: c.Name}, Still: m.Now.Sub(c.Time) < 10*time.Minute, Since: since, Strength: 0.95,
		Message:  c.Name + " is " + c.Problem + ": " + clip(c.Message, 160),
		Evidence: []Evidence{evidence("state", c.Name+" "+c.Problem+": "+c.Message, c.Time)}}
	if c.Node != "" {
		f.Object = model.Key{Kind: model.KindNode, Name: c.Node}
	}
	emit(f)
}

// systemLogs are what logs of Kubernetes' own parts say.
var systemLogs = map[logline.ID]struct{ id, text string }{
	logline.EtcdSlow:      {"EtcdSlow", "etcd is slow to write"},
	logline.EtcdNoSpace:   {"EtcdQuota", "etcd's space is used up: nothing can be written"},
	logline.EtcdNoLeader:  {"EtcdNoQuorum", "etcd has no leader"},
	logline.ConntrackFull: {"ConntrackFull", "the connection table is full: packets are dropped"},
	logline.APIThrottled:  {"APIServerOverloaded", "the API server turns requests away"},
}
