package main

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/resource"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/objects"
)

// further are kinds that every API server has beside those that Bulkhead watches.
var further = []string{"endpoints", "replicationcontrollers", "roles", "rolebindings", "clusterroles", "clusterrolebindings", "ingressclasses", "priorityclasses", "leases", "csidrivers", "csinodes", "controllerrevisions"}

// api serves a state: discovery, lists, single objects, logs, and reviews that
// allow everything. There is no metrics API.
type api struct {
	state *state
	kinds []resource.Kind
}

func newAPI(s *state) *api {
	a := &api{state: s, kinds: objects.Kinds()}
	for _, name := range further {
		if k, ok := s.names.Find(name); ok {
			a.kinds = append(a.kinds, k)
		}
	}
	for ref, o := range s.objects {
		version, _ := o["apiVersion"].(string)
		k := s.names.Of(version, ref.Kind, ref.Namespace)
		if k.Group != "metrics.k8s.io" && !slices.ContainsFunc(a.kinds, func(o resource.Kind) bool { return o.GroupVersionKind == k.GroupVersionKind }) {
			a.kinds = append(a.kinds, k)
		}
	}
	return a
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case r.URL.Path == "/version":
		answer(w, map[string]any{"major": "1", "minor": "34", "gitVersion": "v1.34.0", "platform": "linux/amd64"})
	case r.Method == http.MethodPost:
		answer(w, map[string]any{"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "metadata": map[string]any{}, "spec": map[string]any{}, "status": map[string]any{"allowed": true}})
	case r.URL.Path == "/api":
		answer(w, map[string]any{"kind": "APIVersions", "versions": []string{"v1"}})
	case r.URL.Path == "/apis":
		answer(w, a.groups())
	case path[0] == "api" && len(path) == 2:
		a.resources(w, "", path[1])
	case path[0] == "apis" && len(path) == 3:
		a.resources(w, path[1], path[2])
	case path[0] == "api" && len(path) > 2:
		a.read(w, r, "", path[1], path[2:])
	case path[0] == "apis" && len(path) > 3:
		a.read(w, r, path[1], path[2], path[3:])
	default:
		absent(w, r)
	}
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // who asked has gone
}

func absent(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusNotFound)
	_ = json.NewEncoder(w).Encode(map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": http.StatusNotFound, "message": r.URL.Path + " not found"})
}

func (a *api) groups() map[string]any {
	byName := map[string]map[string]any{}
	for _, k := range a.kinds {
		if k.Group == "" || byName[k.Group] != nil {
			continue
		}
		var versions []any
		for _, o := range a.kinds {
			v := map[string]any{"groupVersion": o.GroupVersion().String(), "version": o.Version}
			if o.Group == k.Group && !slices.ContainsFunc(versions, func(x any) bool { return at(x, "version") == o.Version }) {
				versions = append(versions, v)
			}
		}
		byName[k.Group] = map[string]any{"name": k.Group, "versions": versions, "preferredVersion": versions[0]}
	}
	list := []any{}
	for _, g := range byName {
		list = append(list, g)
	}
	return map[string]any{"kind": "APIGroupList", "apiVersion": "v1", "groups": list}
}

func (a *api) resources(w http.ResponseWriter, group, version string) {
	list := []any{}
	for _, k := range a.kinds {
		if k.Group == group && k.Version == version {
			list = append(list, map[string]any{"name": k.Plural, "singularName": strings.ToLower(k.Kind), "namespaced": k.Namespaced, "kind": k.Kind, "verbs": []string{"get", "list", "watch"}})
		}
	}
	gv := strings.TrimPrefix(group+"/"+version, "/")
	answer(w, map[string]any{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": gv, "resources": list})
}

// read serves a list, an object or a log; path is what follows the version.
func (a *api) read(w http.ResponseWriter, r *http.Request, group, version string, path []string) {
	namespace := ""
	if path[0] == "namespaces" && len(path) > 2 {
		namespace, path = path[1], path[2:]
	}
	i := slices.IndexFunc(a.kinds, func(k resource.Kind) bool {
		return k.Group == group && k.Version == version && k.Plural == path[0]
	})
	switch {
	case i < 0:
		absent(w, r)
	case len(path) == 1:
		a.list(w, r, a.kinds[i], namespace)
	case len(path) == 3 && path[0] == "pods" && path[2] == "log":
		a.log(w, r, namespace, path[1])
	default:
		o, there := a.state.objects[record.Ref{Group: group, Kind: a.kinds[i].Kind, Namespace: namespace, Name: path[1]}]
		if !there || len(path) > 2 {
			absent(w, r)
			return
		}
		answer(w, o)
	}
}

func (a *api) list(w http.ResponseWriter, r *http.Request, k resource.Kind, namespace string) {
	selector, err := labels.Parse(r.URL.Query().Get("labelSelector"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	items := []map[string]any{}
	for ref, o := range a.state.objects {
		if ref.Group != k.Group || ref.Kind != k.Kind || namespace != "" && ref.Namespace != namespace {
			continue
		}
		set := labels.Set{}
		if m, ok := at(o, "metadata", "labels").(map[string]any); ok {
			for name, v := range m {
				set[name], _ = v.(string)
			}
		}
		if selector.Matches(set) && fieldsMatch(r.URL.Query().Get("fieldSelector"), o) {
			items = append(items, o)
		}
	}
	slices.SortFunc(items, func(a, b map[string]any) int {
		return cmp.Or(cmp.Compare(text(a, "metadata", "namespace"), text(b, "metadata", "namespace")), cmp.Compare(text(a, "metadata", "name"), text(b, "metadata", "name")))
	})
	answer(w, map[string]any{"kind": k.Kind + "List", "apiVersion": k.GroupVersion().String(), "metadata": map[string]any{"resourceVersion": "7"}, "items": items})
}

func text(o map[string]any, path ...string) string {
	s, _ := at(o, path...).(string)
	return s
}

// fieldsMatch says that an object has the fields that a selector wants.
func fieldsMatch(selector string, o map[string]any) bool {
	for _, want := range strings.Split(selector, ",") {
		path, value, ok := strings.Cut(want, "=")
		if ok && text(o, strings.Split(path, ".")...) != strings.TrimPrefix(value, "=") {
			return false
		}
	}
	return true
}

// log serves what was saved of a container's log: nothing, if it was not. Of a
// container that waits to be restarted the kubelet serves the last one's log, too.
func (a *api) log(w http.ResponseWriter, r *http.Request, namespace, pod string) {
	w.Header().Set("Content-Type", "text/plain")
	previous := r.URL.Query().Get("previous") == "true"
	for _, previous := range []bool{previous, !previous} {
		for _, container := range []string{r.URL.Query().Get("container"), ""} {
			if lines, ok := a.state.logs[logKey{namespace, pod, container, previous}]; ok {
				_, _ = w.Write(lines) // who asked has gone
				return
			}
		}
	}
}
