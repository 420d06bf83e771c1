package facts

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/logline"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
)

// services finds Services that lead nowhere, or to the wrong port.
func services(m *model.Model, emit func(Fact)) {
	for _, s := range m.Services() {
		if len(s.Spec.Selector) == 0 && len(s.Workloads) == 0 || s.Spec.Type == corev1.ServiceTypeExternalName {
			continue
		}
		if selectsNothing(m, s, emit) {
			continue
		}
		noEndpoints(m, s, emit)
		for _, p := range s.Spec.Ports {
			wrongTarget(m, s, p, emit)
			oddProtocol(m, s, p, emit)
		}
	}
}

// selectsNothing finds a selector that no pod's labels fit while others come close.
func selectsNothing(m *model.Model, s *model.Service, emit func(Fact)) bool {
	if len(s.Workloads) > 0 || !m.Listed(model.KindPod, s.Key.Namespace) {
		return false
	}
	f := Fact{ID: "ServiceSelectsNothing", Object: s.Key, Still: true, Since: model.Since(s.Object), Strength: 0.9,
		Message: "its selector " + labels(s.Spec.Selector) + " fits the labels of no pod"}
	f.Evidence = append(f.Evidence, evidence("state", f.Message, m.Now))
	f.Quiet = !called(m, s) // left over, perhaps
	if near := nearest(m, s); near != nil {
		f.Quiet = false
		f.Strength = 0.97
		f.About = []model.Key{near.Key}
		f.Message += "; those of " + near.Key.Name + " are " + labels(without(near.Labels(), "pod-template-hash"))
	}
	emit(f)
	return true
}

// called says that a workload has the Service's address, or that people reach it
// from outside.
func called(m *model.Model, s *model.Service) bool {
	if s.Spec.Type == corev1.ServiceTypeLoadBalancer || s.Spec.Type == corev1.ServiceTypeNodePort {
		return true
	}
	for _, w := range m.Workloads() {
		if slices.Contains(m.Dangling(w.Key), s.Key) {
			return true
		}
	}
	return false
}

func without(in map[string]string, key string) map[string]string {
	out := map[string]string{}
	for k, v := range in {
		if k != key {
			out[k] = v
		}
	}
	return out
}

// nearest is the workload of the Service's name, or one that has its ports.
func nearest(m *model.Model, s *model.Service) *model.Workload {
	for _, w := range m.WorkloadsNamed(s.Key.Name) {
		if w.Key.Namespace == s.Key.Namespace {
			return w
		}
	}
	for _, w := range m.Workloads() {
		if w.Key.Namespace != s.Key.Namespace {
			continue
		}
		for k, v := range s.Spec.Selector {
			if w.Labels()[k] == v {
				return w
			}
		}
	}
	return nil
}

func labels(l map[string]string) string {
	var out []string
	for k, v := range l {
		out = append(out, k+"="+v)
	}
	slices.Sort(out)
	return list(out)
}

func noEndpoints(m *model.Model, s *model.Service, emit func(Fact)) {
	ready := s.Ready
	if !s.EndpointsKnown {
		if !m.Listed(model.KindPod, s.Key.Namespace) || len(s.Workloads) == 0 {
			return
		}
		for _, p := range s.Pods {
			if ok, known := p.Ready(); ok || !known {
				ready++
			}
		}
	}
	if ready > 0 {
		return
	}
	for _, w := range s.Workloads {
		if w.Key.Kind == model.KindJob || w.Key.Kind == model.KindCronJob {
			return
		}
	}
	emit(Fact{ID: "ServiceNoEndpoints", Object: s.Key, Still: true, Since: sinceBad(s.Pods),
		Message:  "no pod behind it is ready: connections to it are refused",
		Evidence: []Evidence{evidence("state", "Service "+s.Key.Name+" has no ready endpoints", m.Now)}})
}

// wrongTarget finds a target port that no container of the pods behind has.
func wrongTarget(m *model.Model, s *model.Service, p corev1.ServicePort, emit func(Fact)) {
	if !s.Object.Shown() {
		return
	}
	for _, w := range s.Workloads {
		spec := w.Spec()
		if spec == nil {
			continue
		}
		target, name := int(p.TargetPort.IntVal), p.TargetPort.StrVal
		if target == 0 && name == "" {
			target = int(p.Port)
		}
		if n, err := strconv.Atoi(name); err == nil {
			target, name = n, ""
		}
		declared, has := containerPorts(spec, target, name)
		listens := listening(m, w)
		if has || len(declared) == 0 || slices.Contains(listens, target) {
			continue
		}
		want := name
		if want == "" {
			want = strconv.Itoa(target)
		}
		f := Fact{ID: "ServicePortMismatch", Object: s.Key, Still: true, Since: model.Since(s.Object), About: []model.Key{w.Key}, Strength: 0.85,
			Message: fmt.Sprintf("its port %d leads to port %s of the pods of %s, whose ports are %s", p.Port, want, w.Key.Name, list(declared))}
		f.Evidence = append(f.Evidence, evidence("state", f.Message, m.Now))
		if len(listens) > 0 {
			f.Strength = 0.95
			f.Evidence = append(f.Evidence, evidence("log", fmt.Sprintf("%s says that it listens on port %d", w.Key.Name, listens[0]), m.Now))
		}
		emit(f)
	}
}

func containerPorts(spec *corev1.PodSpec, number int, name string) (declared []string, has bool) {
	for i := range spec.Containers {
		for _, p := range spec.Containers[i].Ports {
			declared = append(declared, strconv.Itoa(int(p.ContainerPort)))
			if name != "" && p.Name == name || name == "" && int(p.ContainerPort) == number {
				has = true
			}
		}
	}
	return declared, has
}

// listening are the ports that a workload's logs say it listens on.
func listening(m *model.Model, w *model.Workload) []int {
	var out []int
	for _, l := range m.LogsOf(w) {
		for _, h := range l.Hits {
			if h.ID == logline.Listening {
				if n, err := strconv.Atoi(h.Target); err == nil && !slices.Contains(out, n) {
					out = append(out, n)
				}
			}
		}
	}
	return out
}

// oddProtocol finds a Service's port that is UDP where the pods' is TCP.
func oddProtocol(m *model.Model, s *model.Service, p corev1.ServicePort, emit func(Fact)) {
	if !s.Object.Shown() || p.Protocol == "" {
		return
	}
	for _, w := range s.Workloads {
		spec := w.Spec()
		if spec == nil {
			continue
		}
		for i := range spec.Containers {
			for _, cp := range spec.Containers[i].Ports {
				protocol := cp.Protocol
				if protocol == "" {
					protocol = corev1.ProtocolTCP
				}
				if int(cp.ContainerPort) != p.TargetPort.IntValue() || protocol == p.Protocol || both(s, p) {
					continue
				}
				f := Fact{ID: "ServiceProtocolMismatch", Object: s.Key, Still: true, Since: model.Since(s.Object), About: []model.Key{w.Key}, Strength: 0.93,
					Message: fmt.Sprintf("its port %d carries %s, but the container's port %d is %s", p.Port, p.Protocol, cp.ContainerPort, protocol)}
				f.Evidence = append(f.Evidence, evidence("state", f.Message, m.Now))
				emit(f)
			}
		}
	}
}

// both says that the Service has the port for the other protocol too, as DNS has.
func both(s *model.Service, p corev1.ServicePort) bool {
	for _, o := range s.Spec.Ports {
		if o.Port == p.Port && o.Protocol != p.Protocol {
			return true
		}
	}
	return false
}

// addresses finds settings that name a Service or port that is not there.
func addresses(m *model.Model, emit func(Fact)) {
	for _, w := range m.Workloads() {
		for _, a := range m.Addresses(w) {
			e := m.Resolve(w.Key.Namespace, a.Host)
			switch {
			case e.Service != nil && a.Port != 0 && len(e.Service.Spec.Ports) > 0 && e.Service.Port(a.Port) == nil && !podPort(e.Service, a.Port):
				var has []string
				for _, p := range e.Service.Spec.Ports {
					has = append(has, strconv.Itoa(int(p.Port)))
				}
				f := Fact{ID: "AddressWrongPort", Object: w.Key, Still: true, Since: model.Since(w.Object), About: []model.Key{e.Service.Key}, Strength: 0.95,
					Message: fmt.Sprintf("its setting %s is %s, but the Service %s has port %s", strings.TrimPrefix(a.Setting.Name, "env "), a.Address, e.Service.Key.Name, list(has))}
				f.Evidence = append(f.Evidence, evidence("state", f.Message, m.Now))
				emit(f)
			case e.Service == nil && e.Name.Name != "" && m.Absent(e.Name) && likelyService(m, a.Address, a.Setting, e.Name):
				unknownHost(m, w, a.Address, a.Setting, e.Name, emit)
			}
		}
	}
}

// podPort says that a Service without an address of its own leads to pods with
// that port: there its own ports do not count.
func podPort(s *model.Service, port int) bool {
	if s.Spec.ClusterIP != corev1.ClusterIPNone {
		return false
	}
	for _, w := range s.Workloads {
		if spec := w.Spec(); spec != nil {
			if _, has := containerPorts(spec, port, ""); has {
				return true
			}
		}
	}
	return false
}

// likelyService says that a host can only be a Service's name.
func likelyService(m *model.Model, a logline.Address, s model.Setting, name model.Key) bool {
	if a.Host == "localhost" || strings.HasPrefix(a.Host, "127.") || strings.Contains(a.Host, "_") {
		return false
	}
	if strings.Contains(a.Host, ".svc") {
		return true
	}
	if strings.Contains(a.Host, ".") {
		_, ns, _ := strings.Cut(a.Host, ".")
		return m.Get(model.Key{Kind: model.KindNamespace, Name: ns}) != nil
	}
	if len(m.WorkloadsNamed(name.Name)) > 0 {
		return true
	}
	return strings.HasPrefix(s.Name, "env ") && a.Port != 0
}

func unknownHost(m *model.Model, w *model.Workload, a logline.Address, s model.Setting, name model.Key, emit func(Fact)) {
	setting := strings.TrimPrefix(s.Name, "env ")
	if others := m.WorkloadsNamed(name.Name); len(others) > 0 {
		emit(Fact{ID: "ServiceMissing", Object: name, Still: true, Since: model.Since(w.Object), About: []model.Key{others[0].Key, w.Key}, Strength: 0.93,
			Message:  fmt.Sprintf("there is no Service %s, though %s calls it and its pods are there", name.Name, w.Key.Name),
			Evidence: []Evidence{evidence("state", fmt.Sprintf("setting %s of %s is %s; no Service has that name", setting, w.Key.Name, a), m.Now)}})
		return
	}
	f := Fact{ID: "AddressUnknown", Object: w.Key, Still: true, Since: model.Since(w.Object), About: []model.Key{name}, Strength: 0.8,
		Message: fmt.Sprintf("its setting %s is %s, but there is no Service %s", setting, a, name.Name)}
	f.Evidence = append(f.Evidence, evidence("state", f.Message, m.Now))
	f.Quiet = true // many apps have addresses of what they can do without
	if near := closest(m, name); near != "" {
		f.ID, f.Quiet = "AddressMisspelt", false
		f.Strength = 0.93
		f.Message += " (there is one called " + near + ")"
	}
	emit(f)
}

// closest is a Service with nearly that name.
func closest(m *model.Model, k model.Key) string {
	for _, s := range m.Services() {
		if s.Key.Namespace == k.Namespace && (distance(s.Key.Name, k.Name) <= 2 || len(s.Key.Name) >= 5 && (strings.HasPrefix(k.Name, s.Key.Name) || strings.HasPrefix(s.Key.Name, k.Name))) {
			return s.Key.Name
		}
	}
	return ""
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		last := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			last, row[j] = row[j], min(row[j]+1, row[j-1]+1, last+cost)
		}
	}
	return row[len(b)]
}
