package relay

import (
	"testing"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

func TestANodeTellsOfItselfOnly(t *testing.T) {
	now := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	pod := func(name string) record.Ref { return record.Ref{Kind: "Pod", Namespace: "shop", Name: name} }
	nodeOf := func(r record.Ref) string { return map[string]string{"mine": "one", "theirs": "two"}[r.Name] }
	exit := &record.Exit{Signal: 6}
	for name, c := range map[string]struct {
		given  record.Record
		ok     bool
		object record.Ref
	}{
		"its pod":               {record.Record{Object: pod("mine"), Payload: exit}, true, pod("mine")},
		"a pod that is gone":    {record.Record{Object: pod("gone"), Payload: exit}, true, pod("gone")},
		"another's pod":         {record.Record{Object: pod("theirs"), Payload: exit}, false, record.Ref{}},
		"itself":                {record.Record{Object: record.Ref{Kind: "Node", Name: "one"}, Payload: exit}, true, record.Ref{Kind: "Node", Name: "one"}},
		"another node":          {record.Record{Object: record.Ref{Kind: "Node", Name: "two"}, Payload: exit}, false, record.Ref{}},
		"the cluster":           {record.Record{Payload: &record.Component{Name: "etcd"}}, true, record.Ref{Kind: "Node", Name: "one"}},
		"a Deployment":          {record.Record{Object: record.Ref{Group: "apps", Kind: "Deployment", Name: "web"}, Payload: exit}, false, record.Ref{}},
		"a kind called Pod":     {record.Record{Object: record.Ref{Group: "peas.example", Kind: "Pod", Name: "x"}, Payload: exit}, false, record.Ref{}},
		"what the API tells":    {record.Record{Object: pod("mine"), Payload: &record.State{Deleted: true}}, false, record.Ref{}},
		"what containment does": {record.Record{Object: pod("mine"), Payload: &record.Action{}}, false, record.Ref{}},
		"nothing":               {record.Record{Object: pod("mine")}, false, record.Ref{}},
		"a summary":             {record.Record{Object: pod("mine"), Payload: &record.Summary{Of: record.TypeExit, Count: 2, Sample: exit}}, true, pod("mine")},
		"a summary of Events":   {record.Record{Object: pod("mine"), Payload: &record.Summary{Of: record.TypeEvent, Sample: &record.Event{}}}, false, record.Ref{}},
		"a summary that lies":   {record.Record{Object: pod("mine"), Payload: &record.Summary{Of: record.TypeExit, Sample: &record.Event{}}}, false, record.Ref{}},
		"a summary of nothing":  {record.Record{Object: pod("mine"), Payload: &record.Summary{Of: record.TypeExit}}, false, record.Ref{}},
	} {
		c.given.Time, c.given.Source, c.given.Node = now.Add(time.Hour), "api", "two"
		c.given.Owners = []record.Ref{{Kind: "Deployment", Name: "another's"}}
		got, ok := own(c.given, "one", now, nodeOf)
		if ok != c.ok {
			t.Errorf("%s: ok is %t", name, ok)
		}
		if ok && (got.Object != c.object || got.Node != "one" || got.Source != "node" || len(got.Owners) > 0 || !got.Time.Equal(now)) {
			t.Errorf("%s: made %+v", name, got)
		}
	}
}
