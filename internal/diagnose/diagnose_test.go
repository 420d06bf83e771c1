package diagnose_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose"
	rt "github.com/bulkhead-k8s/bulkhead/internal/diagnose/recordtest"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/story"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

var update = flag.Bool("update", false, "write the golden files anew")

func verdict(t *testing.T, c *rt.Cluster, focus record.Ref) (v1alpha1.IncidentStatus, diagnose.Result) {
	t.Helper()
	r := diagnose.Diagnose(slices.Values(c.Records()), diagnose.Options{Focus: focus})
	if len(r.Incidents) == 0 {
		return v1alpha1.IncidentStatus{}, r
	}
	return r.Incidents[0], r
}

func told(c v1alpha1.Cause) string { return c.Reason + " " + c.Object.Kind + "/" + c.Object.Name }

func explain(r diagnose.Result) string {
	var b strings.Builder
	for _, f := range r.Graph.Facts {
		fmt.Fprintf(&b, "\n  %s %s still=%v quiet=%v %s", f.ID, f.Object, f.Still, f.Quiet, f.Message)
	}
	return b.String()
}

func TestHealthyShopHasNoIncident(t *testing.T) {
	if _, r := verdict(t, rt.New(), record.Ref{}); len(r.Incidents) != 0 {
		t.Errorf("got %s%s", told(r.Incidents[0].FirstCause), explain(r))
	}
}

func TestFirstCause(t *testing.T) {
	for _, f := range failures {
		t.Run(f.name, func(t *testing.T) {
			c := rt.New()
			f.symptoms(c)
			f.decisive(c)
			in, r := verdict(t, c, record.Ref{})
			if want := f.reason + " " + f.object; told(in.FirstCause) != want {
				t.Errorf("got %s, want %s%s", told(in.FirstCause), want, explain(r))
			}
			if len(in.NextSteps) == 0 || len(in.FirstCause.Evidence) == 0 {
				t.Error("it says neither how it knows nor what to do")
			}
		})
	}
}

// Without the evidence that decides, the verdict must be another, or none.
func TestMutation(t *testing.T) {
	for _, f := range failures {
		t.Run(f.name, func(t *testing.T) {
			c := rt.New()
			f.symptoms(c)
			if in, r := verdict(t, c, record.Ref{}); told(in.FirstCause) == f.reason+" "+f.object {
				t.Errorf("it says %s without the evidence for it%s", f.reason, explain(r))
			}
		})
	}
}

// Unrelated failures must not change what is said of the shop.
func TestNoise(t *testing.T) {
	other := &rt.Cluster{Objects: map[record.Ref]metav1.Object{}}
	noise(other, 500)
	more := other.Records()
	for _, f := range failures {
		t.Run(f.name, func(t *testing.T) {
			c := rt.New()
			f.symptoms(c)
			f.decisive(c)
			c.Said = append(c.Said, more...)
			in, r := verdict(t, c, record.Ref{Kind: "Deployment", Namespace: rt.Namespace, Name: focusOf(f)})
			if want := f.reason + " " + f.object; told(in.FirstCause) != want {
				t.Errorf("got %s among %d incidents, want %s", told(in.FirstCause), len(r.Incidents), want)
			}
		})
	}
}

func focusOf(f failure) string {
	if f.name == "ingress" {
		return "web"
	}
	if strings.HasSuffix(f.object, "/data") || strings.HasSuffix(f.object, "/cache") {
		return "cache"
	}
	return "cart"
}

func noise(c *rt.Cluster, n int) {
	for i := range n {
		name := fmt.Sprintf("noise-%d", i)
		meta := metav1.ObjectMeta{Name: name, Namespace: "noise", Labels: map[string]string{"app": name}, CreationTimestamp: metav1.NewTime(rt.Start)}
		one := int32(1)
		d := &appsv1.Deployment{ObjectMeta: meta}
		d.Spec = appsv1.DeploymentSpec{Replicas: &one, Selector: &metav1.LabelSelector{MatchLabels: meta.Labels}, Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: meta.Labels}}}
		d.Spec.Template.Spec.Containers = []corev1.Container{{Name: "c", Image: "x"}}
		c.Put(d)
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name + "-6d5f7c8b9d-abcde", Namespace: "noise", Labels: meta.Labels, CreationTimestamp: meta.CreationTimestamp}}
		p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: name + "-6d5f7c8b9d"}}
		p.Spec = d.Spec.Template.Spec
		p.Spec.NodeName = "n3"
		p.Status.Phase = corev1.PodRunning
		s := corev1.ContainerStatus{Name: "c", RestartCount: 9}
		switch i % 3 {
		case 0:
			s.State.Waiting = &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: "not found"}
		case 1:
			s.State.Waiting = &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}
			s.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: 1, FinishedAt: metav1.NewTime(rt.Now)}
		case 2:
			s.State.Waiting = &corev1.ContainerStateWaiting{Reason: "CreateContainerConfigError", Message: `secret "x" not found`}
		}
		p.Status.ContainerStatuses = []corev1.ContainerStatus{s}
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse}}
		c.Put(p)
	}
}

// What came first and is over explains nothing that fails now.
func TestWhatIsOverIsRuledOut(t *testing.T) {
	c := rt.New()
	c.SetEvent("web", "FailedCreate", `Error creating: pods "web-" is forbidden: error looking up service account shop/web: serviceaccount "web" not found`)
	c.Waits("cart", "ImagePullBackOff", "manifest unknown")
	in, r := verdict(t, c, record.Ref{})
	if got := told(in.FirstCause); got != "ImageNotFound Deployment/cart" {
		t.Fatalf("got %s%s", got, explain(r))
	}
	if !slices.ContainsFunc(in.RuledOut, func(o v1alpha1.RuledOut) bool { return o.Reason == "ServiceAccountMissing" }) {
		t.Errorf("the start-up's failure is not among what was ruled out: %v", in.RuledOut)
	}
}

func TestNoCauseRecorded(t *testing.T) {
	c := rt.New()
	c.Alert("cart", "HighErrorRate", "5xx errors on cart")
	in, _ := verdict(t, c, record.Ref{})
	if in.FirstCause.Reason != v1alpha1.NoCauseRecorded || in.FirstCause.Object != (v1alpha1.ObjectRef{}) {
		t.Errorf("got %s, want no cause", told(in.FirstCause))
	}
	if len(in.NextSteps) == 0 {
		t.Error("it does not say what is needed to know")
	}
}

func TestChainReachesTheCallers(t *testing.T) {
	c := rt.New()
	image("manifest unknown")(c)
	c.Log("web", "dial tcp cart:7000: connect: connection refused")
	in, r := verdict(t, c, record.Ref{})
	var got []string
	for _, l := range in.Chain {
		got = append(got, l.FromReason+">"+l.ToReason+":"+l.To.Name)
	}
	for _, want := range []string{"ImageNotFound>PodsNotReady:cart", "PodsNotReady>ServiceNoEndpoints:cart"} {
		if !slices.Contains(got, want) {
			t.Errorf("chain %v lacks %s%s", got, want, explain(r))
		}
	}
	if !slices.ContainsFunc(got, func(s string) bool { return strings.HasSuffix(s, ">CallsFail:web") }) {
		t.Errorf("chain %v does not reach web", got)
	}
	if in.BlastRadius.WorkloadCount != 2 || in.BlastRadius.ServiceCount != 1 {
		t.Errorf("blast radius %+v, want web, cart and the Service cart", in.BlastRadius)
	}
}

func TestRecordsAfterNowAreLeftOut(t *testing.T) {
	c := rt.New()
	image("manifest unknown")(c)
	r := diagnose.Diagnose(slices.Values(c.Records()), diagnose.Options{Now: rt.Now.Add(-time.Hour)})
	if len(r.Incidents) != 0 {
		t.Errorf("got %s from records of the future", told(r.Incidents[0].FirstCause))
	}
}

func TestStories(t *testing.T) {
	for _, name := range []string{"image's name", "quota", "password", "kubelet", "signal", "core dump"} {
		i := slices.IndexFunc(failures, func(f failure) bool { return f.name == name })
		c := rt.New()
		failures[i].symptoms(c)
		failures[i].decisive(c)
		in, r := verdict(t, c, record.Ref{})
		text := story.Tell(in, r.Now)
		if n := strings.Count(text, "\n"); n > 12 {
			t.Errorf("%s: the story has %d lines", name, n)
		}
		golden(t, strings.NewReplacer(" ", "-", "'", "").Replace(name)+".txt", text)
	}
	c := rt.New()
	c.Alert("cart", "HighErrorRate", "5xx errors on cart")
	in, r := verdict(t, c, record.Ref{})
	golden(t, "none.txt", story.Tell(in, r.Now))
}

func TestJSONShape(t *testing.T) {
	c := rt.New()
	image("manifest unknown")(c)
	_, r := verdict(t, c, record.Ref{})
	var b strings.Builder
	if err := story.JSON(&b, r.Incidents); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Incidents []struct {
			FirstCause struct {
				Object     map[string]string
				Reason     string
				Message    string
				Confidence float64
				Evidence   []map[string]any
			}
			Candidates, Chain, RuledOut, NextSteps []any
			BlastRadius                            map[string]any
		}
	}
	if err := json.Unmarshal([]byte(b.String()), &got); err != nil {
		t.Fatal(err)
	}
	in := got.Incidents[0]
	if in.FirstCause.Object["name"] != "cart" || in.FirstCause.Confidence < 0.5 || in.Candidates == nil || in.Chain == nil || in.RuledOut == nil || in.NextSteps == nil || in.BlastRadius == nil {
		t.Errorf("got %s", b.String())
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

func TestWhatIsOverIsToldWhenAsked(t *testing.T) {
	c := rt.New()
	s := &c.Pod("cart").Status.ContainerStatuses[0]
	s.RestartCount = 1
	s.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: 137, Reason: "OOMKilled", FinishedAt: metav1.NewTime(rt.Now.Add(-40 * time.Minute))}
	r := diagnose.Diagnose(slices.Values(c.Records()), diagnose.Options{})
	if len(r.Incidents) != 0 || r.LastClosed == nil || r.LastClosed.Cause.Reason != "OOMKilled" {
		t.Fatalf("got %d incidents and last %v, want none and the OOM kill", len(r.Incidents), r.LastClosed)
	}
	r = diagnose.Diagnose(slices.Values(c.Records()), diagnose.Options{Since: rt.Now.Add(-time.Hour)})
	if len(r.Incidents) != 1 || r.Incidents[0].Closed == nil || told(r.Incidents[0].FirstCause) != "OOMKilled Deployment/cart" {
		t.Errorf("got %v, want one closed incident", r.Incidents)
	}
	r = diagnose.Diagnose(slices.Values(c.Records()), diagnose.Options{Since: rt.Now.Add(-10 * time.Minute)})
	if len(r.Incidents) != 0 {
		t.Errorf("got %d incidents of before the time asked for", len(r.Incidents))
	}
}

func TestWhatIsNotShownIsNotClaimed(t *testing.T) {
	// A table of pods: it shows that one crashes, not how.
	table := record.Record{Time: rt.Now, Object: record.Ref{Kind: "Pod", Namespace: "shop", Name: "web-6d5f7c8b9d-x2x4z"}, Payload: &record.State{Detail: record.Columns, Whole: json.RawMessage(
		`{"metadata":{"name":"web-6d5f7c8b9d-x2x4z","namespace":"shop"},"status":{"phase":"Running","containerStatuses":[{"name":"","ready":false,"restartCount":9,"state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"exitCode":0,"finishedAt":"2026-03-01T10:57:00Z"}}}]}}`)}}
	r := diagnose.Diagnose(slices.Values([]record.Record{table}), diagnose.Options{})
	if len(r.Incidents) != 1 || r.Incidents[0].FirstCause.Reason != v1alpha1.NoCauseRecorded {
		t.Errorf("got %v, want one incident without a cause", r.Incidents)
	}
}

func TestEventsAlone(t *testing.T) {
	pod := record.Ref{Kind: "Pod", Namespace: "shop", Name: "web-6d5f7c8b9d-x2x4z"}
	e := &record.Event{Kind: "Warning", Reason: "Failed", Message: `Failed to pull image "x:9": not found`, First: rt.Now.Add(-time.Minute), Last: rt.Now}
	r := diagnose.Diagnose(slices.Values([]record.Record{{Time: rt.Now, Object: pod, Payload: e}}), diagnose.Options{})
	if len(r.Incidents) != 1 || told(r.Incidents[0].FirstCause) != "ImageNotFound Deployment/web" {
		t.Errorf("got %v, want the image", r.Incidents)
	}
}

// Whatever is left out of the records, a verdict comes.
func TestAnyPartOfTheRecords(t *testing.T) {
	for _, f := range failures {
		c := rt.New()
		f.symptoms(c)
		f.decisive(c)
		all := c.Records()
		for n := range 6 {
			var part []record.Record
			for i, r := range all {
				if (i*7+n)%6 != 0 {
					part = append(part, r)
				}
			}
			for _, in := range diagnose.Diagnose(slices.Values(part), diagnose.Options{}).Incidents {
				if in.FirstCause.Reason == "" || in.FirstCause.Confidence > 0.98 {
					t.Errorf("%s: verdict %+v", f.name, in.FirstCause)
				}
			}
		}
	}
}

func FuzzDiagnose(f *testing.F) {
	c := rt.New()
	c.Crashes("cart", 139, "Error")
	for _, r := range c.Records() {
		if s, ok := r.Payload.(*record.State); ok {
			f.Add(r.Object.Kind, []byte(s.Whole), true)
		}
	}
	f.Fuzz(func(t *testing.T, kind string, data []byte, full bool) {
		c := rt.New()
		s := &record.State{Whole: data}
		if !full {
			s.Detail = record.Described
		}
		c.Say(record.Ref{Kind: kind, Namespace: rt.Namespace, Name: "web"}, s)
		diagnose.Diagnose(slices.Values(c.Records()), diagnose.Options{})
	})
}

func TestTheSameRecordsGiveTheSameVerdict(t *testing.T) {
	for _, f := range publicFailures {
		var first string
		for range 5 {
			c := rt.New()
			f.happen(c)
			_, r := verdict(t, c, record.Ref{})
			var b strings.Builder
			if err := story.JSON(&b, r.Incidents); err != nil {
				t.Fatal(err)
			}
			if first == "" {
				first = b.String()
			}
			if b.String() != first {
				t.Fatalf("%s: two verdicts differ:\n%s", f.name, differ(first, b.String()))
			}
		}
	}
}

// differ is the first line in which two texts differ, in both.
func differ(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range x {
		if i >= len(y) || x[i] != y[i] {
			return x[i] + "\n" + y[min(i, len(y)-1)]
		}
	}
	return "one is longer"
}
