package facts

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
	"github.com/bulkhead-k8s/bulkhead/internal/lazyregexp"
)

var (
	notFound = lazyregexp.New(`(?i)(configmap|secret) "([^"]+)" not found`)
	noKey    = lazyregexp.New(`couldn't find key (\S+) in (ConfigMap|Secret) ([^/\s]+)/(\S+)`)
	noRefKey = lazyregexp.New(`references non-existent (?:secret|config) key: (\S+)`)
)

// config finds ConfigMaps, Secrets and ServiceAccounts that pods need and that are
// not there, or lack a key.
func config(m *model.Model, emit func(Fact)) {
	for _, w := range m.Workloads() {
		bad := !healthOf(w).fine()
		for _, p := range w.Pods {
			for _, e := range m.Events(p.Key) {
				if e.Warning && (e.Reason == "Failed" || e.Reason == "FailedMount") {
					missing(m, w, p, e.Message, evidence("event", e.Reason+": "+e.Message, e.First), bad, emit)
				}
			}
			for _, c := range p.Statuses() {
				if c.State.Waiting != nil && c.State.Waiting.Message != "" {
					missing(m, w, p, c.State.Waiting.Message, evidence("state", c.State.Waiting.Reason+": "+c.State.Waiting.Message, m.Now), bad, emit)
				}
			}
		}
		if bad {
			named(m, w, emit)
		}
	}
}

func missing(m *model.Model, w *model.Workload, p *model.Pod, message string, ev Evidence, bad bool, emit func(Fact)) {
	f := Fact{Object: w.Key, Still: bad, Since: since(p), Pods: []model.Key{p.Key}, Evidence: []Evidence{ev}, Strength: 0.97}
	if !bad {
		f.Gone, f.Until = "its pods run now", ev.Time
	}
	if g := notFound.FindStringSubmatch(message); g != nil {
		kind := model.KindSecret
		f.ID = "SecretMissing"
		if g[1] == "configmap" || g[1] == "ConfigMap" {
			kind, f.ID = model.KindConfigMap, "ConfigMapMissing"
		}
		key := model.Key{Kind: kind, Namespace: w.Key.Namespace, Name: g[2]}
		if m.Get(key) != nil && waitingFor(p) == "" {
			f.Still, f.Gone = false, "it exists now"
		}
		f.About = []model.Key{key}
		f.Message = fmt.Sprintf("it needs the %s %s, which does not exist", kind, g[2])
		emit(f)
		return
	}
	if g := noKey.FindStringSubmatch(message); g != nil {
		f.ID = "SecretKeyMissing"
		if g[2] == "ConfigMap" {
			f.ID = "ConfigKeyMissing"
		}
		f.About = []model.Key{{Kind: g[2], Namespace: g[3], Name: g[4]}}
		f.Message = fmt.Sprintf("it needs the key %s of the %s %s, which has no such key", g[1], g[2], g[4])
		emit(f)
		return
	}
	if g := noRefKey.FindStringSubmatch(message); g != nil {
		f.ID = "ConfigKeyMissing"
		f.Message = "it mounts the key " + g[1] + ", which does not exist"
		emit(f)
	}
}

func waitingFor(p *model.Pod) string {
	for _, c := range p.Statuses() {
		if c.State.Waiting != nil {
			return c.State.Waiting.Reason
		}
	}
	return ""
}

// named finds what the spec names and what is known not to be there.
func named(m *model.Model, w *model.Workload, emit func(Fact)) {
	spec := w.Spec()
	if spec == nil {
		return
	}
	ns := w.Key.Namespace
	absent := func(id, kind, name, where string) {
		key := model.Key{Kind: kind, Namespace: ns, Name: name}
		if name == "" || !m.Absent(key) {
			return
		}
		emit(Fact{ID: id, Object: w.Key, Still: true, Since: model.Since(w.Object), About: []model.Key{key}, Strength: 0.9,
			Message:  fmt.Sprintf("it needs the %s %s, which does not exist", kind, name),
			Evidence: []Evidence{evidence("state", where+" names "+kind+" "+name+"; it is not there", m.Now)}})
	}
	absent("ServiceAccountMissing", model.KindAccount, spec.ServiceAccountName, "serviceAccountName")
	for _, v := range spec.Volumes {
		switch {
		case v.Secret != nil && !optional(v.Secret.Optional):
			absent("SecretMissing", model.KindSecret, v.Secret.SecretName, "volume "+v.Name)
		case v.ConfigMap != nil && !optional(v.ConfigMap.Optional):
			absent("ConfigMapMissing", model.KindConfigMap, v.ConfigMap.Name, "volume "+v.Name)
		case v.PersistentVolumeClaim != nil:
			absent("ClaimMissing", model.KindPVC, v.PersistentVolumeClaim.ClaimName, "volume "+v.Name)
		}
	}
	for _, cs := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for _, c := range cs {
			for _, e := range c.Env {
				if e.ValueFrom == nil {
					continue
				}
				if r := e.ValueFrom.SecretKeyRef; r != nil && (!optional(r.Optional) || missed(m, w, e.Name)) {
					absent("SecretMissing", model.KindSecret, r.Name, "env "+e.Name)
				}
				if r := e.ValueFrom.ConfigMapKeyRef; r != nil && (!optional(r.Optional) || missed(m, w, e.Name)) {
					absent("ConfigMapMissing", model.KindConfigMap, r.Name, "env "+e.Name)
				}
			}
			for _, e := range c.EnvFrom {
				if e.SecretRef != nil && !optional(e.SecretRef.Optional) {
					absent("SecretMissing", model.KindSecret, e.SecretRef.Name, "envFrom")
				}
				if e.ConfigMapRef != nil && !optional(e.ConfigMapRef.Optional) {
					absent("ConfigMapMissing", model.KindConfigMap, e.ConfigMapRef.Name, "envFrom")
				}
			}
		}
	}
}

// missed says that the last lines of a workload's logs name a variable: without what
// is optional to Kubernetes, the app may not start all the same.
func missed(m *model.Model, w *model.Workload, variable string) bool {
	for _, l := range m.LogsOf(w) {
		for _, tail := range l.Tail {
			if slices.ContainsFunc(tail, func(line string) bool { return strings.Contains(line, variable) }) {
				return true
			}
		}
	}
	return false
}

func optional(o *bool) bool { return o != nil && *o }
