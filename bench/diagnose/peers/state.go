package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/resource"
)

// state is what an API server of a scenario's cluster would hold at its end.
type state struct {
	names   *resource.Names
	objects map[record.Ref]map[string]any
	logs    map[logKey][]byte
	shift   time.Duration // from the scenario's time to now
}

type logKey struct {
	namespace, pod, container string
	previous                  bool
}

// stateOf is the last state of each object, its Events and its pods' logs. Times
// are moved so that the scenario ends now, since the programs look at the clock.
func stateOf(records []record.Record, at time.Time) (*state, error) {
	s := &state{names: resource.NewNames(), objects: map[record.Ref]map[string]any{}, logs: map[logKey][]byte{}, shift: time.Since(at)}
	whole := map[record.Ref]json.RawMessage{}
	for n, r := range records {
		key := r.Object.Key()
		switch p := r.Payload.(type) {
		case *record.State:
			if err := s.keep(whole, key, p); err != nil {
				return nil, err
			}
		case *record.Event:
			e, err := json.Marshal(eventOf(r, p, n))
			if err != nil {
				return nil, err
			}
			whole[record.Ref{Kind: "Event", Namespace: eventNamespace(key), Name: fmt.Sprintf("event-%d", n)}] = e
		case *record.Log:
			k := logKey{key.Namespace, key.Name, p.Container, p.Previous}
			s.logs[k] = append(s.logs[k], s.moved([]byte(strings.Join(p.Lines, "\n")+"\n"))...)
		}
	}
	for key, data := range whole {
		if err := s.add(key, data); err != nil {
			return nil, err
		}
	}
	s.complete()
	return s, nil
}

func (s *state) keep(whole map[record.Ref]json.RawMessage, key record.Ref, p *record.State) error {
	switch {
	case p.Deleted:
		delete(whole, key)
	case p.Patch == nil:
		whole[key] = p.Whole
	default:
		after, err := jsonpatch.MergePatch(whole[key], p.Patch)
		if err != nil {
			return fmt.Errorf("state of %s: %w", key, err)
		}
		whole[key] = after
	}
	return nil
}

func (s *state) add(key record.Ref, data json.RawMessage) error {
	var o map[string]any
	if err := json.Unmarshal(s.moved(data), &o); err != nil {
		return fmt.Errorf("state of %s: %w", key, err)
	}
	s.objects[key] = o
	return nil
}

var timestamp = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)

// moved moves the times in a text.
func (s *state) moved(text []byte) []byte {
	return timestamp.ReplaceAllFunc(text, func(t []byte) []byte {
		at, err := time.Parse(time.RFC3339Nano, string(t))
		if err != nil || at.IsZero() {
			return t
		}
		return []byte(at.Add(s.shift).UTC().Format(time.RFC3339))
	})
}

func eventNamespace(o record.Ref) string {
	if o.Namespace == "" {
		return "default"
	}
	return o.Namespace
}

func eventOf(r record.Record, e *record.Event, n int) map[string]any {
	first, last := e.First, e.Last
	if last.IsZero() {
		last = r.Time
	}
	if first.IsZero() {
		first = last
	}
	o := r.Object
	version := "v1"
	if o.Group != "" {
		version = o.Group + "/v1"
	}
	return map[string]any{
		"apiVersion": "v1", "kind": "Event",
		"metadata":       map[string]any{"name": fmt.Sprintf("event-%d", n), "namespace": eventNamespace(o), "creationTimestamp": first.UTC().Format(time.RFC3339)},
		"involvedObject": map[string]any{"apiVersion": version, "kind": o.Kind, "namespace": o.Namespace, "name": o.Name, "uid": o.UID, "fieldPath": e.FieldPath},
		"type":           e.Kind, "reason": e.Reason, "message": e.Message, "count": max(1, e.Count),
		"firstTimestamp": first.UTC().Format(time.RFC3339), "lastTimestamp": last.UTC().Format(time.RFC3339),
		"source": map[string]any{"component": e.Component},
	}
}

// complete adds what any cluster has and nobody saves: the namespaces of what is
// there, and the Endpoints that the control plane makes of a Service and its pods.
func (s *state) complete() {
	for key := range s.objects {
		ns := record.Ref{Kind: "Namespace", Name: key.Namespace}
		if _, there := s.objects[ns]; key.Namespace != "" && !there {
			s.objects[ns] = map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": ns.Name}, "status": map[string]any{"phase": "Active"}}
		}
		endpoints := record.Ref{Kind: "Endpoints", Namespace: key.Namespace, Name: key.Name}
		if _, there := s.objects[endpoints]; key.Kind == "Service" && !there {
			if e := s.endpoints(key); e != nil {
				s.objects[endpoints] = e
			}
		}
	}
}

// endpoints are those of a Service with a selector.
func (s *state) endpoints(service record.Ref) map[string]any {
	selector, _ := at(s.objects[service], "spec", "selector").(map[string]any)
	if len(selector) == 0 {
		return nil
	}
	var ready, unready []any
	for key, o := range s.objects {
		ip := at(o, "status", "podIP")
		if key.Kind != "Pod" || key.Namespace != service.Namespace || ip == nil || !selects(selector, o) {
			continue
		}
		address := map[string]any{"ip": ip, "targetRef": map[string]any{"kind": "Pod", "namespace": key.Namespace, "name": key.Name}}
		if isReady(o) {
			ready = append(ready, address)
		} else {
			unready = append(unready, address)
		}
	}
	e := map[string]any{"apiVersion": "v1", "kind": "Endpoints", "metadata": map[string]any{"name": service.Name, "namespace": service.Namespace}}
	if len(ready)+len(unready) > 0 {
		e["subsets"] = []any{map[string]any{"addresses": ready, "notReadyAddresses": unready}}
	}
	return e
}

func selects(selector, pod map[string]any) bool {
	labels, _ := at(pod, "metadata", "labels").(map[string]any)
	for k, v := range selector {
		if labels[k] != v {
			return false
		}
	}
	return true
}

func isReady(pod map[string]any) bool {
	conditions, _ := at(pod, "status", "conditions").([]any)
	return slices.ContainsFunc(conditions, func(c any) bool {
		m, _ := c.(map[string]any)
		return m["type"] == "Ready" && m["status"] == "True"
	})
}

// at is a field of an object, nil if it is not there.
func at(o any, path ...string) any {
	for _, p := range path {
		m, _ := o.(map[string]any)
		o = m[p]
	}
	return o
}
