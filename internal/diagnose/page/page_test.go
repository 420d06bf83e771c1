package page

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

var at = time.Date(2026, 11, 24, 10, 42, 0, 0, time.UTC)

func since(d time.Duration) *metav1.Time { return &metav1.Time{Time: at.Add(d)} }

func example() v1alpha1.IncidentStatus {
	web := v1alpha1.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "web"}
	svc := v1alpha1.ObjectRef{Kind: "Service", Namespace: "shop", Name: "web"}
	front := v1alpha1.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "front"}
	cause := v1alpha1.Cause{Object: web, Reason: "AbortSignal", Message: "container app aborts <script>alert(1)</script>", Since: since(0), Confidence: 0.93,
		Evidence: []v1alpha1.Evidence{{Kind: "exit", Message: "exit code 134", Time: since(0)}}}
	return v1alpha1.IncidentStatus{
		FirstCause: cause, Candidates: []v1alpha1.Cause{cause, {Object: front, Reason: "CallsFail", Message: "its calls fail", Confidence: 0.05}},
		Chain: []v1alpha1.Link{
			{From: web, FromReason: "AbortSignal", To: svc, ToReason: "NoEndpoints", Sentence: "the pods of web are the endpoints of service/web", Since: since(10 * time.Second)},
			{From: svc, FromReason: "NoEndpoints", To: front, ToReason: "CallsFail", Sentence: "deployment/front calls service/web", Since: since(20 * time.Second)},
		},
		BlastRadius: v1alpha1.BlastRadius{Workloads: []string{"shop/front", "shop/web"}, WorkloadCount: 2, PodCount: 1},
		RuledOut:    []v1alpha1.RuledOut{{Object: front, Reason: "Slow", Message: "it is slow", Why: "it began later"}},
		NextSteps:   []v1alpha1.Step{{Text: "See the log.", Command: "kubectl -n shop logs deploy/web --previous"}},
	}
}

func render(t *testing.T, v Verdict) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPageSaysAll(t *testing.T) {
	page := render(t, Verdict{Incidents: []v1alpha1.IncidentStatus{example()}, Now: at.Add(time.Minute), Subject: "test"})
	for _, want := range []string{"deployment/web in shop", "AbortSignal", "93 %", "exit code 134", "NoEndpoints", "deployment/front calls service/web", "10:42:20",
		"2 workloads (shop/front, shop/web), 1 pod", "kubectl -n shop logs", "it began later", "2026-11-24 10:42:00 UTC", "Other candidates"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// The page must show what containers say, not do it, and ask nobody.
func TestPageStandsAlone(t *testing.T) {
	page := render(t, Verdict{Incidents: []v1alpha1.IncidentStatus{example()}, Now: at.Add(time.Minute)})
	for _, bad := range []string{"<script", "http://", "https://", "src=", "@import"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	if strings.Contains(page, "ZgotmplZ") {
		t.Error("the template refused a value")
	}
}

func TestPageWithoutIncidents(t *testing.T) {
	page := render(t, Verdict{Now: at, Last: "The last incident closed 3 h ago."})
	if !strings.Contains(page, "Nothing is failing. The last incident closed 3 h ago.") {
		t.Errorf("the page is %s", page)
	}
}

func TestPageOfNoCause(t *testing.T) {
	s := v1alpha1.IncidentStatus{FirstCause: v1alpha1.Cause{Reason: v1alpha1.NoCauseRecorded, Message: "no cause recorded for: pod/x"}}
	page := render(t, Verdict{Incidents: []v1alpha1.IncidentStatus{s}, Now: at})
	if !strings.Contains(page, "No cause is recorded") || strings.Contains(page, "<svg") {
		t.Errorf("the page is %s", page)
	}
}

// TestPageIsWellFormed parses the drawings, which browsers repair silently.
func TestPageIsWellFormed(t *testing.T) {
	page := render(t, Verdict{Incidents: []v1alpha1.IncidentStatus{example()}, Now: at.Add(time.Minute)})
	for n, part := range strings.Split(page, "<svg")[1:] {
		d := xml.NewDecoder(strings.NewReader("<svg" + part[:strings.Index(part, "</svg>")+len("</svg>")]))
		for {
			_, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Errorf("drawing %d: %v", n, err)
				break
			}
		}
	}
}

func TestChainHasEachFactOnce(t *testing.T) {
	s := example()
	s.Chain = append(s.Chain, v1alpha1.Link{From: s.FirstCause.Object, FromReason: s.FirstCause.Reason, To: s.Chain[1].To, ToReason: s.Chain[1].ToReason})
	c := layChain(s)
	if len(c.Boxes) != 3 || len(c.Arrows) != 3 || !c.Boxes[0].First {
		t.Errorf("%d boxes and %d arrows", len(c.Boxes), len(c.Arrows))
	}
	for _, b := range c.Boxes {
		if b.X < 0 || b.X+b.Width > c.Width || b.Y+b.Height > c.Height {
			t.Errorf("%s is outside of the drawing", b.Title)
		}
	}
}
