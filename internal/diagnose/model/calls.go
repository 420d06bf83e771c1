package model

import (
	"slices"
	"strconv"
	"strings"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/logline"
)

// Setting is a value that a container is given.
type Setting struct {
	Container string
	Name      string // as env CART_ADDR, args, configmap shop key app.yaml
	Value     string
}

// Settings are the values that a workload's containers are given, as far as they
// are shown.
func (m *Model) Settings(w *Workload) []Setting {
	spec := w.Spec()
	if spec == nil {
		return nil
	}
	var out []Setting
	maps := map[string]bool{}
	for i := range spec.Containers {
		c := &spec.Containers[i]
		for _, e := range c.Env {
			switch {
			case e.Value != "":
				out = append(out, Setting{c.Name, "env " + e.Name, e.Value})
			case e.ValueFrom != nil && e.ValueFrom.ConfigMapKeyRef != nil:
				r := e.ValueFrom.ConfigMapKeyRef
				if cm := Value[corev1.ConfigMap](m, Key{KindConfigMap, w.Key.Namespace, r.Name}); cm != nil {
					out = append(out, Setting{c.Name, "env " + e.Name, cm.Data[r.Key]})
				}
			}
		}
		for _, e := range c.EnvFrom {
			if e.ConfigMapRef != nil {
				maps[e.ConfigMapRef.Name] = true
			}
		}
		if args := append(slices.Clone(c.Command), c.Args...); len(args) > 0 {
			out = append(out, Setting{c.Name, "args", strings.Join(args, " ")})
		}
	}
	for _, v := range spec.Volumes {
		if v.ConfigMap != nil {
			maps[v.ConfigMap.Name] = true
		}
	}
	delete(maps, "kube-root-ca.crt")
	names := make([]string, 0, len(maps))
	for n := range maps {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		cm := Value[corev1.ConfigMap](m, Key{KindConfigMap, w.Key.Namespace, n})
		if cm == nil {
			continue
		}
		keys := make([]string, 0, len(cm.Data))
		for k := range cm.Data {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			out = append(out, Setting{"", "configmap " + n + " key " + k, cm.Data[k]})
		}
	}
	return out
}

// hostNames end the names of settings that have a host or an address.
var hostNames = []string{"HOST", "HOSTNAME", "ADDR", "ADDRESS", "SERVER", "URL", "URI", "ENDPOINT", "SERVICE", "BROKER", "BROKERS"}

// SettingAddress is an address that a setting has.
type SettingAddress struct {
	logline.Address
	Setting Setting
}

// Addresses are those in a workload's settings.
func (m *Model) Addresses(w *Workload) []SettingAddress { return m.Index().settings[w.Key] }

// hostAndPort are the addresses in settings, where a host and its port may be two
// of them: DB_HOST and DB_PORT.
func hostAndPort(settings []Setting) []SettingAddress {
	var out []SettingAddress
	type id struct{ container, prefix string }
	ports := map[id]int{}
	for _, s := range settings {
		if prefix, ok := strings.CutSuffix(strings.ToUpper(s.Name), "PORT"); ok {
			if port, err := strconv.Atoi(s.Value); err == nil {
				ports[id{s.Container, prefix}] = port
			}
		}
	}
	for _, s := range settings {
		found := logline.Addresses(s.Value)
		if len(found) == 0 && hostSetting(s) {
			found = []logline.Address{{Host: strings.ToLower(strings.TrimSpace(s.Value))}}
		}
		for _, a := range found {
			if a.Port == 0 && a.Scheme == "" {
				for _, end := range hostNames {
					if prefix, ok := strings.CutSuffix(strings.ToUpper(s.Name), end); ok {
						a.Port = ports[id{s.Container, prefix}]
						break
					}
				}
			}
			out = append(out, SettingAddress{a, s})
		}
	}
	return out
}

func hostSetting(s Setting) bool {
	if !strings.HasPrefix(s.Name, "env ") || s.Value == "" || strings.ContainsAny(s.Value, " /\\,;\"'{}$") {
		return false
	}
	name := strings.ToUpper(s.Name)
	for _, end := range hostNames {
		if strings.HasSuffix(name, "_"+end) || name == "ENV "+end {
			return true
		}
	}
	return false
}

// addCalls derives who calls whom from settings and from what logs say.
func (x *index) addCalls(m *Model) {
	type pair struct {
		from, to Key
		addr     string
	}
	seen := map[pair]bool{}
	add := func(c Call) {
		p := pair{c.From, c.To, c.Address.String()}
		if seen[p] || c.From == c.To {
			return
		}
		seen[p] = true
		x.calls[c.From] = append(x.calls[c.From], &c)
		x.callers[c.To] = append(x.callers[c.To], &c)
	}
	for _, w := range x.workloads {
		x.settings[w.Key] = slices.Clip(slices.Clone(hostAndPort(m.Settings(w))))
		for _, a := range x.settings[w.Key] {
			e := m.Resolve(w.Key.Namespace, a.Host)
			for _, to := range e.Workloads() {
				add(Call{From: w.Key, To: to.Key, Service: e.Service, Address: a.Address, Setting: a.Setting.Name})
			}
			if e.Service == nil && e.Name.Name != "" && m.Absent(e.Name) {
				x.dangling[w.Key] = append(x.dangling[w.Key], e.Name)
			} else if e.Service != nil && len(e.Workloads()) == 0 {
				x.dangling[w.Key] = append(x.dangling[w.Key], e.Service.Key)
			}
		}
		for _, l := range x.logs[w.Key] {
			for _, h := range l.Hits {
				for _, a := range h.Addresses {
					e := m.Resolve(w.Key.Namespace, a.Host)
					for _, to := range e.Workloads() {
						add(Call{From: w.Key, To: to.Key, Service: e.Service, Address: a, Seen: true})
					}
				}
			}
		}
	}
}

// Dangling are the Services that a workload's settings name and that are known not
// to be there.
func (m *Model) Dangling(k Key) []Key { return m.Index().dangling[k] }

// claimsOf are the claims that a StatefulSet has made for its pods: the template's
// name and the pod's, where nothing else shows them.
func (m *Model) claimsOf(w *Workload) []Key {
	if w.Key.Kind != KindStateful {
		return nil
	}
	var out []Key
	for _, o := range m.Objects(KindPVC) {
		for _, p := range w.Pods {
			if o.Key.Namespace == w.Key.Namespace && strings.HasSuffix(o.Key.Name, "-"+p.Key.Name) {
				out = append(out, o.Key)
			}
		}
	}
	return out
}

// Uses are the claims, ConfigMaps, Secrets and the ServiceAccount that a workload's
// pods name.
func (m *Model) Uses(w *Workload) []Key {
	out := m.claimsOf(w)
	spec := w.Spec()
	if spec == nil {
		return out
	}
	add := func(kind, name string) {
		if name != "" {
			out = append(out, Key{kind, w.Key.Namespace, name})
		}
	}
	add(KindAccount, spec.ServiceAccountName)
	for _, v := range spec.Volumes {
		switch {
		case v.PersistentVolumeClaim != nil:
			add(KindPVC, v.PersistentVolumeClaim.ClaimName)
		case v.ConfigMap != nil:
			add(KindConfigMap, v.ConfigMap.Name)
		case v.Secret != nil:
			add(KindSecret, v.Secret.SecretName)
		}
	}
	for i := range spec.Containers {
		for _, e := range spec.Containers[i].EnvFrom {
			if e.ConfigMapRef != nil {
				add(KindConfigMap, e.ConfigMapRef.Name)
			}
			if e.SecretRef != nil {
				add(KindSecret, e.SecretRef.Name)
			}
		}
		for _, e := range spec.Containers[i].Env {
			if e.ValueFrom == nil {
				continue
			}
			if r := e.ValueFrom.ConfigMapKeyRef; r != nil {
				add(KindConfigMap, r.Name)
			}
			if r := e.ValueFrom.SecretKeyRef; r != nil {
				add(KindSecret, r.Name)
			}
		}
	}
	for _, p := range w.Pods { // the claims of a StatefulSet have names of their own
		for _, v := range p.Spec.Volumes {
			if v.PersistentVolumeClaim != nil {
				add(KindPVC, v.PersistentVolumeClaim.ClaimName)
			}
		}
	}
	slices.SortFunc(out, Key.Compare)
	return slices.Compact(out)
}

// ScalerTarget is the workload that an autoscaler scales.
func (m *Model) ScalerTarget(k Key) (Key, bool) {
	h := Value[autoscalingv2.HorizontalPodAutoscaler](m, k)
	if k.Kind != KindHPA || h == nil {
		return Key{}, false
	}
	return Key{h.Spec.ScaleTargetRef.Kind, k.Namespace, h.Spec.ScaleTargetRef.Name}, true
}
