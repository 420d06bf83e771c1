package incident

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

var start = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

func deployment(name string) v1alpha1.ObjectRef {
	return v1alpha1.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: name}
}

// failing is a verdict: what, why, how sure; who is hit beside it.
func failing(name, reason string, confidence float64, hit ...string) v1alpha1.IncidentStatus {
	c := v1alpha1.Cause{Object: deployment(name), Reason: reason, Message: "it fails", Confidence: confidence}
	s := v1alpha1.IncidentStatus{FirstCause: c, Candidates: []v1alpha1.Cause{c}, BlastRadius: v1alpha1.BlastRadius{Namespaces: []string{"shop"}, Workloads: []string{"shop/" + name}}}
	for _, h := range hit {
		s.Chain = append(s.Chain, v1alpha1.Link{From: deployment(name), To: deployment(h)})
		s.BlastRadius.Workloads = append(s.BlastRadius.Workloads, "shop/"+h)
	}
	return s
}

func unexplained(name string) v1alpha1.IncidentStatus {
	return v1alpha1.IncidentStatus{FirstCause: v1alpha1.Cause{Reason: v1alpha1.NoCauseRecorded}, BlastRadius: v1alpha1.BlastRadius{Namespaces: []string{"shop"}, Workloads: []string{"shop/" + name}}}
}

func TestDecide(t *testing.T) {
	type step struct {
		after   time.Duration // since the start
		verdict []v1alpha1.IncidentStatus
		want    string // verbs with the first causes' names
	}
	verdict := func(s ...v1alpha1.IncidentStatus) []v1alpha1.IncidentStatus { return s }
	for name, steps := range map[string][]step{
		"a sure cause opens at once": {
			{0, verdict(failing("web", "KilledBySignal", 0.9)), "open web"},
			{time.Second, verdict(failing("web", "KilledBySignal", 0.9)), ""},
		},
		"a doubtful one must last": {
			{0, verdict(failing("web", "RestartedBefore", 0.2)), ""},
			{10 * time.Second, verdict(failing("web", "RestartedBefore", 0.2)), ""},
			{20 * time.Second, verdict(failing("web", "RestartedBefore", 0.2)), "open web"},
		},
		"what exactly is wrong with the object may be in doubt": {
			{0, verdict(or(failing("web", "AppError", 0.4), "ContainerExited", 0.3)), "open web"},
		},
		"what passes is never opened": {
			{0, verdict(unexplained("web")), ""},
			{10 * time.Second, nil, ""},
			{25 * time.Second, verdict(unexplained("web")), ""},
		},
		"an unexplained one opens when it lasts, and is updated once it is explained": {
			{0, verdict(unexplained("web")), ""},
			{30 * time.Second, verdict(unexplained("web")), "open "},
			{40 * time.Second, verdict(failing("web", "KilledBySignal", 0.9)), "update web"},
		},
		"a change of the cause is written at once, of a message later": {
			{0, verdict(failing("web", "PodsNotReady", 0.6)), "open web"},
			{time.Second, verdict(failing("web", "KilledBySignal", 0.6)), "update web"},
			{2 * time.Second, verdict(message(failing("web", "KilledBySignal", 0.6), "2 times")), ""},
			{32 * time.Second, verdict(message(failing("web", "KilledBySignal", 0.6), "9 times")), "update web"},
		},
		"it closes once the symptoms are gone for long enough": {
			{0, verdict(failing("web", "KilledBySignal", 0.9)), "open web"},
			{60 * time.Second, nil, ""},
			{90 * time.Second, verdict(failing("web", "KilledBySignal", 0.9)), ""},
			{200 * time.Second, nil, ""},
			{210 * time.Second, nil, "close web"},
			{220 * time.Second, nil, ""},
			{230 * time.Second, verdict(failing("web", "KilledBySignal", 0.9)), "open web"},
		},
		"two that turn out to be one are merged": {
			{0, verdict(failing("db", "OOMKilled", 0.9), failing("web", "CallsFail", 0.6)), "open db, open web"},
			{time.Second, verdict(failing("db", "OOMKilled", 0.9, "web")), "update db, merge web"},
			{2 * time.Second, verdict(failing("db", "OOMKilled", 0.9, "web")), ""},
		},
		"two of one kind stay two": {
			{0, verdict(failing("a", "OOMKilled", 0.9), failing("b", "OOMKilled", 0.9)), "open a, open b"},
			{time.Second, verdict(failing("b", "OOMKilled", 0.9), failing("a", "OOMKilled", 0.9)), ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var known Known
			for _, s := range steps {
				var actions []Action
				known, actions = Decide(known, s.verdict, start.Add(s.after), Policy{})
				var got []string
				for _, a := range actions {
					got = append(got, string(a.Verb)+" "+a.Incident.Status.FirstCause.Object.Name)
				}
				if g := strings.Join(got, ", "); g != s.want {
					t.Errorf("after %s: %q, want %q", s.after, g, s.want)
				}
			}
		})
	}
}

// or adds another candidate of the same object.
func or(s v1alpha1.IncidentStatus, reason string, confidence float64) v1alpha1.IncidentStatus {
	s.Candidates = append(s.Candidates, v1alpha1.Cause{Object: s.FirstCause.Object, Reason: reason, Confidence: confidence})
	return s
}

func message(s v1alpha1.IncidentStatus, m string) v1alpha1.IncidentStatus {
	s.FirstCause.Message = m
	return s
}

func TestConditionsKeepTheirTimes(t *testing.T) {
	known, _ := Decide(Known{}, []v1alpha1.IncidentStatus{failing("web", "PodsNotReady", 0.9)}, start, Policy{})
	known, _ = Decide(known, []v1alpha1.IncidentStatus{failing("web", "KilledBySignal", 0.9)}, start.Add(time.Minute), Policy{})
	known, _ = Decide(known, nil, start.Add(time.Hour), Policy{})
	s := known.Incidents[0].Status
	open, explained := s.Conditions[0], s.Conditions[1]
	if open.Status != metav1.ConditionFalse || open.Reason != ReasonSymptomsGone || !open.LastTransitionTime.Equal(stamp(start.Add(time.Hour))) {
		t.Errorf("Open is %+v", open)
	}
	if explained.Status != metav1.ConditionTrue || explained.Reason != "KilledBySignal" || !explained.LastTransitionTime.Equal(stamp(start)) {
		t.Errorf("Explained is %+v", explained)
	}
	if !s.Opened.Equal(stamp(start)) || !s.Closed.Equal(stamp(start.Add(time.Minute))) {
		t.Errorf("opened %s, closed %s", s.Opened, s.Closed)
	}
}

func TestForgetsTheOldest(t *testing.T) {
	var known Known
	var forgotten []string
	for n := range 5 {
		at := start.Add(time.Duration(n) * time.Hour)
		var actions []Action
		known, _ = Decide(known, []v1alpha1.IncidentStatus{failing(string(rune('a'+n)), "OOMKilled", 0.9)}, at, Policy{Keep: 2})
		known, actions = Decide(known, nil, at.Add(30*time.Minute), Policy{Keep: 2})
		for _, a := range actions {
			if a.Verb == Forget {
				forgotten = append(forgotten, a.Incident.Status.FirstCause.Object.Name)
			}
		}
	}
	if got := strings.Join(forgotten, ""); got != "abc" || len(known.Incidents) != 2 {
		t.Errorf("forgot %q and kept %d", got, len(known.Incidents))
	}
}

func TestNames(t *testing.T) {
	for _, s := range []v1alpha1.IncidentStatus{failing("web", "KilledBySignal", 1), failing(strings.Repeat("x", 240), "OOMKilled", 1), unexplained("web"),
		{FirstCause: v1alpha1.Cause{Object: v1alpha1.ObjectRef{Kind: "Node", Name: "n1.example.com"}, Reason: "NodeDown"}}, {}} {
		name := nameOf(&s, start)
		if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
			t.Errorf("%q: %v", name, problems)
		}
		if placeOf(&s) == "" {
			t.Error("no namespace")
		}
	}
	s := failing("web", "KilledBySignal", 1)
	if name := nameOf(&s, start); !strings.HasPrefix(name, "killed-by-signal-web-") {
		t.Errorf("name is %q", name)
	}
}
