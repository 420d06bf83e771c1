package answer

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/admin"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose"
	"github.com/bulkhead-k8s/bulkhead/internal/journal"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

var at = time.Date(2026, 11, 24, 10, 42, 0, 0, time.UTC)

// past is a journal whose records are in order; broken is damage at its end.
type pastRecords struct {
	records []record.Record
	broken  error
}

func (p pastRecords) Query(_ context.Context, f journal.Filter) iter.Seq2[record.Record, error] {
	return func(yield func(record.Record, error) bool) {
		for n := range p.records {
			r := p.records[n]
			if f.Reverse {
				r = p.records[len(p.records)-1-n]
			}
			if f.Object != (record.Ref{}) && r.Object.Key() != f.Object.Key() || !f.From.IsZero() && r.Time.Before(f.From) || !f.To.IsZero() && r.Time.After(f.To) ||
				len(f.Types) > 0 && !strings.Contains(join(f.Types), string(r.Type())) {
				continue
			}
			if !yield(r, nil) {
				return
			}
		}
		if p.broken != nil {
			yield(record.Record{}, p.broken)
		}
	}
}

func join(t []record.Type) string {
	var s []string
	for _, x := range t {
		s = append(s, string(x))
	}
	return strings.Join(s, " ")
}

type present struct{ closed time.Time }

func (p present) Verdict(o diagnose.Options) diagnose.Result {
	return diagnose.Result{Incidents: []v1alpha1.IncidentStatus{{FirstCause: v1alpha1.Cause{Reason: "Now", Object: v1alpha1.ObjectRef{Name: o.Focus.Name}}}}, Now: at}
}

func (p present) Incidents() []v1alpha1.Incident {
	in := v1alpha1.Incident{}
	in.Status.FirstCause = v1alpha1.Cause{Object: v1alpha1.ObjectRef{Kind: "Deployment", Name: "web"}, Message: "it crashed"}
	in.Status.Closed = &metav1.Time{Time: p.closed}
	return []v1alpha1.Incident{in}
}

func pod(after time.Duration, p record.Payload) record.Record {
	return record.Record{Time: at.Add(after), Source: "api", Object: record.Ref{Kind: "Pod", Namespace: "shop", Name: "web"}, Payload: p}
}

func story() []record.Record {
	return []record.Record{
		pod(-time.Hour, &record.State{Whole: []byte(`{"metadata":{"name":"web"},"status":{"phase":"Pending"}}`)}),
		pod(-time.Minute, &record.State{Patch: []byte(`{"status":{"phase":"Running"}}`)}),
		pod(time.Minute, &record.Exit{Container: "app", Code: 134}),
		pod(time.Minute, &record.State{Patch: []byte(`{"status":{"containerStatuses":[{"name":"app","ready":false,"restartCount":1,"state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"exitCode":134,"finishedAt":"2026-11-24T10:43:00Z"}}}]}}`)}),
		pod(2*time.Minute, &record.Event{Kind: "Warning", Reason: "BackOff", Message: "Back-off\nrestarting", Count: 3}),
		pod(3*time.Minute, &record.State{Deleted: true}),
	}
}

func TestWhyNow(t *testing.T) {
	a := &Answerer{Present: present{closed: at.Add(-3 * time.Hour)}, Notes: func() []string { return []string{"no Secrets"} }}
	reply, err := a.Why(context.Background(), admin.WhyRequest{Object: &admin.Object{Kind: "Pod", Name: "web"}})
	if err != nil || !strings.Contains(string(reply.Incidents), `"Now"`) || !strings.Contains(string(reply.Incidents), `"web"`) || len(reply.Notes) != 1 {
		t.Errorf("Why = %s %+v, %v", reply.Incidents, reply, err)
	}
	if !reply.LastClosed.Equal(at.Add(-3*time.Hour)) || !strings.Contains(string(reply.LastCause), "it crashed") {
		t.Errorf("last is %s, %s", reply.LastClosed, reply.LastCause)
	}
}

func TestWhyThen(t *testing.T) {
	a := &Answerer{Journal: pastRecords{records: story()}, Present: present{closed: at.Add(24 * time.Hour)}}
	ask := func(when time.Time) []v1alpha1.IncidentStatus {
		reply, err := a.Why(context.Background(), admin.WhyRequest{At: when})
		if err != nil {
			t.Fatal(err)
		}
		if !reply.LastClosed.IsZero() && reply.LastClosed.After(when) {
			t.Errorf("an end that was yet to come: %s", reply.LastClosed)
		}
		var out []v1alpha1.IncidentStatus
		if err := json.Unmarshal(reply.Incidents, &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	if got := ask(at.Add(90 * time.Second)); len(got) != 1 || got[0].FirstCause.Object.Name != "web" {
		t.Errorf("while it crashed: %+v", got)
	}
	if got := ask(at.Add(4 * time.Minute)); len(got) != 0 {
		t.Errorf("after it was removed: %+v", got)
	}
	if _, err := a.Why(context.Background(), admin.WhyRequest{At: at.Add(-24 * time.Hour)}); err == nil {
		t.Error("no error although nothing is recorded of that time")
	}
}

func TestHistory(t *testing.T) {
	a := &Answerer{Journal: pastRecords{records: story(), broken: &journal.Damage{File: "x", Err: errors.New("torn")}}}
	web := admin.Object{Kind: "Pod", Namespace: "shop", Name: "web"}
	reply, err := a.History(context.Background(), admin.HistoryRequest{Object: web})
	if err != nil || reply.Note == "" {
		t.Fatalf("History = %+v, %v; want a note of the damage", reply, err)
	}
	var got []string
	for _, s := range reply.Steps {
		got = append(got, strings.TrimSpace(s.What+" "+s.Text))
	}
	want := []string{"created", `changed status.phase: "Pending" -> "Running"`, "changed status.containerStatuses", "exit container app ended with code 134",
		"event Warning BackOff: Back-off restarting (3 times)", "deleted"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("steps are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for when, want := range map[time.Duration]string{-time.Minute: `"Running"`, -30 * time.Minute: `"Pending"`} {
		reply, err := a.History(context.Background(), admin.HistoryRequest{Object: web, At: at.Add(when)})
		if err != nil || !strings.Contains(string(reply.State), want) {
			t.Errorf("%s: %s, %v", when, reply.State, err)
		}
	}
	reply, err = a.History(context.Background(), admin.HistoryRequest{Object: web, At: at.Add(time.Hour)})
	if err != nil || reply.State != nil || !reply.Time.Equal(at.Add(3*time.Minute)) {
		t.Errorf("after the removal: %+v, %v", reply, err)
	}
}

func TestSentences(t *testing.T) {
	for want, p := range map[string]record.Payload{
		"container app was ended by signal 6 (OOMKilled)":                    &record.Exit{Container: "app", Signal: 6, Reason: "OOMKilled"},
		"the kernel ended node of container app for want of memory":          &record.OOMKill{Container: "app", Executable: "node"},
		"node of container app dumped core on signal 6":                      &record.CoreDump{Container: "app", Executable: "node", Signal: 6},
		"image a:1 was not pulled: no":                                       &record.Pull{Image: "a:1", Error: "no"},
		"image a:1 was pulled":                                               &record.Pull{Image: "a:1"},
		"7 more of the like until 10:42:00: container app ended with code 1": &record.Summary{Of: record.TypeExit, Count: 7, Last: at, Sample: &record.Exit{Container: "app", Code: 1}},
		"": &record.Listing{},
	} {
		if got := sentence(p); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
