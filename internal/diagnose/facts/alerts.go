package facts

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
	"github.com/bulkhead-k8s/bulkhead/internal/lazyregexp"
)

// alertClasses say what an alert is about, by its name and text. The first row
// that fits counts.
var alertClasses = []struct {
	id   string
	expr *lazyregexp.Regexp
	text string
}{
	{"TargetDown", lazyregexp.New(`(?i)missing|vanished|\bNaN\b|absent|no data`), "its figures are missing"},
	{"CPUThrottled", lazyregexp.New(`(?i)throttl`), "its CPU limit holds it back"},
	{"OOMAlert", lazyregexp.New(`(?i)oom`), "it runs out of memory"},
	{"NetworkSlow", lazyregexp.New(`(?i)network.{0,12}(?:latency|delay)|round.?trip`), "its network is slow"},
	{"Slow", lazyregexp.New(`(?i)latency|slow|response.?time|duration|p9[059]|timeout`), "it answers slowly"},
	{"RequestsFail", lazyregexp.New(`(?i)error|5xx|fail(?:ure|ed|ing)|unavailable|\b50[0234]\b|unreachable|refused`), "requests to it fail"},
	{"PacketLoss", lazyregexp.New(`(?i)packet.?loss|retransmi|dropped packets|network.?(?:loss|error)|network(?:receive|transmit)err`), "packets are lost"},
	{"TrafficDrop", lazyregexp.New(`(?i)throughput|traffic|rps|request.?rate|network drop|bandwidth`), "it gets and sends less than before"},
	{"CPUHigh", lazyregexp.New(`(?i)cpu|load`), "it uses much CPU"},
	{"MemoryHigh", lazyregexp.New(`(?i)mem(?:ory)?|heap|rss`), "it uses much memory"},
	{"DiskHigh", lazyregexp.New(`(?i)disk|inode|filesystem|volume`), "its disk fills"},
	{"TargetDown", lazyregexp.New(`(?i)down|absent|missing|not.?ready`), "it is not there"},
}

// alerts finds what monitoring says.
func alerts(m *model.Model, emit func(Fact)) {
	for _, a := range m.Alerts {
		class := alertClass(a)
		if class < 0 || !a.Ends.IsZero() && !m.Now.IsZero() && a.Ends.Before(m.Now) && m.Now.Sub(a.Ends).Minutes() > 10 {
			continue
		}
		c := alertClasses[class]
		if c.id == "CPUHigh" && a.Change < 0 || c.id == "MemoryHigh" && a.Change < 0 {
			continue // less than before: it has less to do
		}
		for _, k := range alertObjects(m, a) {
			f := Fact{ID: c.id, Object: k, Still: a.Ends.IsZero() || m.Now.IsZero() || a.Ends.After(m.Now), Since: a.Starts, Strength: 0.8, Size: a.Change,
				Message:  c.text,
				Evidence: []Evidence{evidence("alert", a.Name+": "+a.Text, a.Starts)}}
			if a.Change != 0 && a.Change < 1e7 {
				f.Message = fmt.Sprintf("%s (%+.0f %%)", c.text, a.Change)
			}
			if c.id == "PacketLoss" && a.Value != 0 {
				f.Size = a.Value
			}
			if c.id == "CPUThrottled" && !slowToo(m, k) {
				f.Strength, f.Quiet = 0.5, true
			}
			switch {
			case k.Kind == model.KindNode:
				f.ID = "Node" + c.id
			case isDNS(m, k) && (c.id == "Slow" || c.id == "RequestsFail"):
				f.ID, f.Message = "DNSOverloaded", "names are resolved slowly, or not at all"
			}
			emit(f)
		}
	}
}

func alertClass(a model.Alert) int {
	text := strings.ReplaceAll(a.Name, "_", " ") + " " + a.Text
	for _, s := range []string{a.Name, text} {
		for i, c := range alertClasses {
			if c.expr.MatchString(s) {
				return i
			}
		}
	}
	return -1
}

// objectLabels are the labels in which alerts name what they are about, the most
// exact first.
var objectLabels = []string{"deployment", "statefulset", "daemonset", "workload", "destination_workload", "service", "destination_service_name", "app", "job_name", "container", "pod"}

func alertObjects(m *model.Model, a model.Alert) []model.Key {
	ns := a.Labels["namespace"]
	if w := eventOwner(m, a.Object); w != nil {
		return []model.Key{w.Key}
	}
	if p := m.Pod(model.Key{Kind: model.KindPod, Namespace: ns, Name: a.Labels["pod"]}); p != nil {
		return []model.Key{p.Workload.Key}
	}
	for _, l := range objectLabels {
		v := a.Labels[l]
		if v == "" {
			continue
		}
		for _, w := range m.WorkloadsNamed(v) {
			if ns == "" || w.Key.Namespace == ns {
				return []model.Key{w.Key}
			}
		}
		if s := m.Service(model.Key{Kind: model.KindService, Namespace: ns, Name: v}); s != nil {
			if len(s.Workloads) == 1 {
				return []model.Key{s.Workloads[0].Key}
			}
			return []model.Key{s.Key}
		}
	}
	for _, l := range []string{"node", "instance", "kubernetes_node"} {
		v, _, _ := strings.Cut(a.Labels[l], ":")
		for _, n := range m.Nodes() {
			if v != "" && n.Name == v {
				return []model.Key{{Kind: model.KindNode, Name: v}}
			}
			for _, ip := range n.Status.Addresses {
				if v != "" && ip.Address == v {
					return []model.Key{{Kind: model.KindNode, Name: n.Name}}
				}
			}
		}
	}
	return nil
}

// slowToo says that there is also an alert of slowness or errors about the object or
// one that calls it:
// being held back by a limit alone harms nobody.
func slowToo(m *model.Model, k model.Key) bool {
	for _, a := range m.Alerts {
		if c := alertClass(a); c < 0 || alertClasses[c].id != "Slow" && alertClasses[c].id != "RequestsFail" {
			continue
		}
		for _, o := range alertObjects(m, a) {
			if o == k || slices.ContainsFunc(m.Callers(k), func(c *model.Call) bool { return c.From == o }) {
				return true
			}
		}
	}
	return false
}
