package model

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func state(kind, ns, name, whole string, detail record.Detail, at time.Time) record.Record {
	return record.Record{Time: at, Object: record.Ref{Kind: kind, Namespace: ns, Name: name}, Payload: &record.State{Whole: json.RawMessage(whole), Detail: detail}}
}

func TestAbsenceNeedsProof(t *testing.T) {
	secret := Key{KindSecret, "shop", "db"}
	m := New()
	if m.Absent(secret) {
		t.Error("what was never looked at is not absent")
	}
	m.Add(record.Record{Object: record.Ref{Kind: "Secret", Namespace: "other"}, Payload: &record.Listing{}})
	if m.Absent(secret) {
		t.Error("a listing of another namespace proves nothing")
	}
	m.Add(record.Record{Object: record.Ref{Kind: "Secret", Namespace: "shop"}, Payload: &record.Listing{Selector: "app=web"}})
	if m.Absent(secret) {
		t.Error("a listing by a selector proves nothing")
	}
	m.Add(record.Record{Object: record.Ref{Kind: "Secret", Namespace: "shop"}, Payload: &record.Listing{}})
	if !m.Absent(secret) {
		t.Error("all were listed, and it was not among them")
	}
	m.Add(state("Secret", "shop", "db", `{"metadata":{"name":"db","namespace":"shop"}}`, record.Full, noon))
	if m.Absent(secret) {
		t.Error("it is there")
	}
	m.Add(record.Record{Time: noon.Add(time.Minute), Object: record.Ref{Kind: "Secret", Namespace: "shop", Name: "db"}, Payload: &record.State{Deleted: true}})
	if !m.Absent(secret) || m.Get(secret) != nil {
		t.Error("it was deleted")
	}
}

func TestViewsOfOneObjectAddUp(t *testing.T) {
	table := state("Pod", "shop", "web-0", `{"metadata":{"name":"web-0","namespace":"shop"},"spec":{"nodeName":"n1"},"status":{"phase":"Running","podIP":"10.1.0.4"}}`, record.Columns, noon)
	described := state("Pod", "shop", "web-0", `{"metadata":{"name":"web-0","namespace":"shop"},"spec":{"containers":[{"name":"web","image":"x"}]},"status":{"phase":"Running"}}`, record.Described, noon)
	for _, order := range [][]record.Record{{table, described}, {described, table}} {
		m := New()
		for _, r := range order {
			m.Add(r)
		}
		p := m.Pod(Key{KindPod, "shop", "web-0"})
		if p == nil || p.Spec.NodeName != "n1" || len(p.Spec.Containers) != 1 || p.Status.PodIP != "10.1.0.4" || p.Object.Detail != record.Described {
			t.Errorf("got %+v", p)
		}
	}
}

func TestChangesAndPatches(t *testing.T) {
	m := New()
	m.Add(state("Deployment", "shop", "web", `{"metadata":{"name":"web","namespace":"shop"},"spec":{"replicas":2,"template":{"spec":{"containers":[{"name":"web","image":"web:1"}]}}}}`, record.Full, noon))
	m.Add(record.Record{Time: noon.Add(time.Minute), Object: record.Ref{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"},
		Payload: &record.State{Patch: json.RawMessage(`{"spec":{"replicas":0,"template":{"spec":{"containers":[{"name":"web","image":"web:2"}]}}},"status":{"replicas":1}}`)}})
	o := m.Get(Key{KindDeployment, "shop", "web"})
	if d := o.Value.(*appsv1.Deployment); *d.Spec.Replicas != 0 || d.Spec.Template.Spec.Containers[0].Image != "web:2" {
		t.Errorf("got %+v", d.Spec)
	}
	var got []string
	for _, c := range o.Changes {
		got = append(got, c.String())
	}
	want := []string{"spec.replicas went from 2 to 0", "spec.template.spec.containers[web].image went from web:1 to web:2"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAnOlderStateChangesNothing(t *testing.T) {
	m := New()
	m.Add(state("ConfigMap", "shop", "c", `{"metadata":{"name":"c","namespace":"shop"},"data":{"a":"new"}}`, record.Full, noon))
	m.Add(state("ConfigMap", "shop", "c", `{"metadata":{"name":"c","namespace":"shop"},"data":{"a":"old"}}`, record.Full, noon.Add(-time.Hour)))
	if c := Value[corev1.ConfigMap](m, Key{KindConfigMap, "shop", "c"}); c.Data["a"] != "new" {
		t.Errorf("got %q", c.Data["a"])
	}
}

func TestResolve(t *testing.T) {
	m := New()
	m.Add(state("Service", "shop", "cart", `{"metadata":{"name":"cart","namespace":"shop"},"spec":{"clusterIP":"10.96.0.9","ports":[{"port":80}]}}`, record.Full, noon))
	m.Add(state("Service", "data", "db", `{"metadata":{"name":"db","namespace":"data"},"spec":{"clusterIP":"None"}}`, record.Full, noon))
	for host, want := range map[string]string{
		"cart": "cart", "cart.shop": "cart", "cart.shop.svc": "cart", "cart.shop.svc.cluster.local": "cart", "10.96.0.9": "cart",
		"db.data": "db", "db-0.db.data.svc.cluster.local": "db", "CART.": "cart",
		"db": "", "cart.example.com": "", "10.96.0.10": "",
	} {
		got := ""
		if e := m.Resolve("shop", host); e.Service != nil {
			got = e.Service.Key.Name
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", host, got, want)
		}
	}
}

func TestOwnersByNameWhereNothingElseIsShown(t *testing.T) {
	for pod, want := range map[string]Key{
		"web-6d5f7c8b9d-x2x4z": {KindDeployment, "shop", "web"},
		"db-0":                 {KindStateful, "shop", "db"},
		"lonely":               {KindPod, "shop", "lonely"},
	} {
		m := New()
		m.Add(state("Pod", "shop", pod, `{"metadata":{"name":"`+pod+`","namespace":"shop"},"status":{"phase":"Running"}}`, record.Columns, noon))
		if got := m.Pods()[0].Workload.Key; got != want {
			t.Errorf("%s: got %v, want %v", pod, got, want)
		}
	}
}

func TestCallsFromSettings(t *testing.T) {
	m := New()
	m.Add(state("Deployment", "shop", "web", `{"metadata":{"name":"web","namespace":"shop"},"spec":{"template":{"spec":{"containers":[{"name":"w","env":[{"name":"DB_HOST","value":"db"},{"name":"DB_PORT","value":"5432"},{"name":"CART_URL","value":"http://cart:80/api"},{"name":"MODE","value":"fast"}]}]}}}}`, record.Full, noon))
	for _, n := range []string{"db", "cart"} {
		m.Add(state("Deployment", "shop", n, `{"metadata":{"name":"`+n+`","namespace":"shop"},"spec":{"template":{"metadata":{"labels":{"app":"`+n+`"}}}}}`, record.Full, noon))
		m.Add(state("Service", "shop", n, `{"metadata":{"name":"`+n+`","namespace":"shop"},"spec":{"selector":{"app":"`+n+`"}}}`, record.Full, noon))
	}
	var got []string
	for _, c := range m.Calls(Key{KindDeployment, "shop", "web"}) {
		got = append(got, c.To.Name+" "+c.Address.String())
	}
	if want := []string{"db db:5432", "cart cart:80"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
