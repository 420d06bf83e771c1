package model

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// counts is what a model holds that could grow.
type counts struct{ objects, events, exits, oom, cores, usage, growth, pulls, probes, components, audits, logs, twins int }

func (m *Model) counts() counts {
	c := counts{objects: len(m.objects), events: m.eventCount, oom: len(m.oom), usage: len(m.usage) + len(m.throttled) + len(m.pressure), growth: len(m.growth),
		probes: len(m.probes), components: len(m.components), audits: len(m.audits), logs: len(m.logs), twins: len(m.twins.pods)}
	for _, l := range m.exits {
		c.exits += len(l)
	}
	for _, l := range m.cores {
		c.cores += len(l)
	}
	for _, l := range m.pulls {
		c.pulls += len(l)
	}
	return c
}

var start = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// TestMemoryStaysFlat lets a pod crash for ever, and a CronJob make and delete a pod
// a minute, for six hours and then for sixty.
func TestMemoryStaysFlat(t *testing.T) {
	const window = time.Hour
	m := New()
	m.Add(record.Record{Time: start, Object: record.Ref{Kind: "Pod"}, Payload: &record.Listing{}})
	minute := 0
	run := func(minutes int) counts {
		for range minutes {
			at := start.Add(time.Duration(minute) * time.Minute)
			for _, name := range []string{"loop", fmt.Sprintf("job-%d", minute)} {
				live(m, name, at)
			}
			m.Add(record.Record{Time: at, Object: record.Ref{Kind: "Pod", Namespace: "shop", Name: fmt.Sprintf("job-%d", minute)}, Payload: &record.State{Deleted: true}})
			minute++
			m.Forget(at.Add(-window), func(Key) bool { return false })
		}
		return m.counts()
	}
	six := run(6 * 60)
	sixty := run(54 * 60)
	if six != sixty {
		t.Errorf("after six hours %+v, after sixty %+v", six, sixty)
	}
	if six.exits < maxFirst || six.events < 60 || six.objects < 60 {
		t.Errorf("too little is left: %+v", six)
	}
}

// live adds a minute of a pod that crashes.
func live(m *Model, name string, at time.Time) {
	ref := record.Ref{Kind: "Pod", Namespace: "shop", Name: name}
	add := func(p record.Payload) { m.Add(record.Record{Time: at, Object: ref, Node: "n1", Payload: p}) }
	p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop", OwnerReferences: []metav1.OwnerReference{{APIVersion: "batch/v1", Kind: "Job", Name: "of-" + name}}}}
	data, _ := json.Marshal(p) // a literal
	add(&record.State{Whole: data})
	add(&record.Event{Kind: "Warning", Reason: "BackOff", Message: "back-off of " + name, Last: at})
	add(&record.Exit{Container: "app", Code: 134})
	add(&record.OOMKill{Container: "app"})
	add(&record.CoreDump{Container: "app"})
	add(&record.Usage{Resource: "memory", Container: "app", Used: 1})
	add(&record.Pull{})
	add(&record.Probe{})
	add(&record.Component{})
	add(&record.Audit{})
	add(&record.Log{Container: "app", Lines: []string{"FATAL: out of memory"}})
}

func TestForgetKeepsWhatIsNeeded(t *testing.T) {
	m := New()
	for _, name := range []string{"a", "b"} {
		live(m, name, start)
	}
	m.Forget(start.Add(time.Minute), func(k Key) bool { return k.Name == "a" })
	a, b := Key{KindPod, "shop", "a"}, Key{KindPod, "shop", "b"}
	if len(m.Events(a)) != 1 || len(m.Exits(a)) != 1 || len(m.Cores(a)) != 1 || len(m.OOMs()) != 1 {
		t.Errorf("of what an incident is about, %d events, %d exits, %d core dumps, %d kills are left", len(m.Events(a)), len(m.Exits(a)), len(m.Cores(a)), len(m.OOMs()))
	}
	if len(m.Events(b))+len(m.Exits(b))+len(m.Cores(b)) != 0 {
		t.Error("something is left of what nothing is about")
	}
	if m.Get(a) == nil || m.Get(b) == nil {
		t.Error("an object that is there was forgotten")
	}
}

func TestExitsKeepTheFirstAndTheLast(t *testing.T) {
	m := New()
	for i := range 10 * MaxEach {
		m.Add(record.Record{Time: start.Add(time.Duration(i) * time.Second), Object: record.Ref{Kind: "Pod", Namespace: "shop", Name: "a"}, Payload: &record.Exit{Code: 1}})
	}
	all := m.Exits(Key{KindPod, "shop", "a"})
	if len(all) != MaxEach || !all[0].Time.Equal(start) || !all[len(all)-1].Time.Equal(start.Add((10*MaxEach-1)*time.Second)) {
		t.Errorf("%d exits, from %s to %s", len(all), all[0].Time, all[len(all)-1].Time)
	}
}
