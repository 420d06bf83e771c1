package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/recordtest"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// brakeServer is a cluster that has Brakes, and no more.
type brakeServer struct {
	brakes  []v1alpha1.Brake
	patched map[string]string // by path
}

func (s *brakeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	const root = "/apis/bulkhead.dev/v1alpha1/brakes"
	w.Header().Set("Content-Type", "application/json")
	name := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, root), "/")
	for i := range s.brakes {
		if s.brakes[i].Name != name {
			continue
		}
		if r.Method == http.MethodPatch {
			body, _ := io.ReadAll(r.Body)
			s.patched[name] = string(body)
		}
		_ = json.NewEncoder(w).Encode(&s.brakes[i])
		return
	}
	if name != "" {
		w.WriteHeader(http.StatusNotFound)
		_ = json.NewEncoder(w).Encode(metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: "Failure", Reason: metav1.StatusReasonNotFound, Message: fmt.Sprintf("brakes %q not found", name), Code: 404})
		return
	}
	_ = json.NewEncoder(w).Encode(v1alpha1.BrakeList{TypeMeta: metav1.TypeMeta{APIVersion: "bulkhead.dev/v1alpha1", Kind: "BrakeList"}, Items: s.brakes})
}

// containing is a cluster with a brake that holds and one that is over, and its
// kubeconfig.
func containing(t *testing.T) (*brakeServer, string) {
	t.Helper()
	now := time.Now()
	at := func(d time.Duration) *metav1.Time { return &metav1.Time{Time: now.Add(d).Truncate(time.Second)} }
	b := v1alpha1.Brake{TypeMeta: metav1.TypeMeta{APIVersion: "bulkhead.dev/v1alpha1", Kind: "Brake"}}
	b.Name = "scaleup-web-1a2b3c4d"
	b.Spec = v1alpha1.BrakeSpec{Action: v1alpha1.ActionScaleUp, Target: v1alpha1.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "web"}, Mode: v1alpha1.ModeAct,
		Reason: "FailsByItself", Message: "No nodes are bought for deployment/web.", RequestedBy: "containment", Until: *at(10 * time.Minute),
		Incident: &v1alpha1.ObjectRef{Kind: "Incident", Namespace: "shop", Name: "crash-1"}}
	b.Status = v1alpha1.BrakeStatus{Since: at(-5 * time.Minute), Held: 3, LastHeld: at(-time.Minute), LastHeldAction: "buy nodes of pool general",
		Evidence: []v1alpha1.Evidence{{Kind: "exit", Message: "its containers ended badly 7 times"}},
		Undo:     []v1alpha1.Undo{{Object: v1alpha1.ObjectRef{Kind: "HorizontalPodAutoscaler", Namespace: "shop", Name: "web"}, Resource: "horizontalpodautoscalers.v2.autoscaling", Done: "scale-up is off", Patch: `{"spec":null}`}}}
	over := *b.DeepCopy()
	over.Name, over.Spec.Until, over.Spec.Action = "repair-n1-5e6f7a8b", *at(-time.Minute), v1alpha1.ActionRepair
	s := &brakeServer{brakes: []v1alpha1.Brake{b, over}, patched: map[string]string{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	path := filepath.Join(t.TempDir(), "kubeconfig")
	config := fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: k, user: u}}], clusters: [{name: k, cluster: {server: %q}}], users: [{name: u, user: {}}]}`, server.URL)
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return s, path
}

// runs runs a command line and returns its code, its result and what else it said.
func runs(t *testing.T, args ...string) (int, string, string) {
	t.Helper()
	var out, said bytes.Buffer
	code := Main(context.Background(), append([]string{"bulkhead"}, args...), strings.NewReader(""), &out, &said)
	return code, out.String(), said.String()
}

func wants(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%q is missing in:\n%s", w, text)
		}
	}
}

func TestContainListAndExplain(t *testing.T) {
	_, path := containing(t)
	code, out, _ := runs(t, "contain", "list", "--kubeconfig", path)
	wants(t, out, "scaleup-web-1a2b3c4d", "deployment/web -n shop", "holds", "FailsByItself")
	if code != 0 || strings.Contains(out, "repair-n1") {
		t.Errorf("code %d; what is over is listed:\n%s", code, out)
	}
	_, out, _ = runs(t, "contain", "list", "--all", "-o", "json", "--kubeconfig", path)
	var all []v1alpha1.Brake
	if err := json.Unmarshal([]byte(out), &all); err != nil || len(all) != 2 {
		t.Errorf("%v: %s", err, out)
	}
	_, out, _ = runs(t, "contain", "explain", "scaleup-web-1a2b3c4d", "--kubeconfig", path)
	wants(t, out, "ScaleUp of deployment/web -n shop is held.", "We know from the exit: its containers ended badly 7 times", "It stopped something 3 times",
		"buy nodes of pool general", `kubectl patch horizontalpodautoscalers web -n shop --type merge -p '{"spec":null}'`, "bulkhead contain release scaleup-web-1a2b3c4d")
	if code, _, said := runs(t, "contain", "explain", "nobody", "--kubeconfig", path); code != exitFailed || !strings.Contains(said, "not found") {
		t.Errorf("code %d: %s", code, said)
	}
}

func TestContainRelease(t *testing.T) {
	s, path := containing(t)
	_, out, _ := runs(t, "contain", "release", "--all", "--dry-run", "--kubeconfig", path)
	wants(t, out, "scaleup-web-1a2b3c4d: ScaleUp of deployment/web -n shop would be released", "scale-up is off")
	if len(s.patched) != 0 {
		t.Fatalf("a dry run writes %v", s.patched)
	}
	code, out, _ := runs(t, "contain", "release", "scaleup-web-1a2b3c4d", "--by", "mira", "--kubeconfig", path)
	wants(t, out, "is released")
	wants(t, s.patched["scaleup-web-1a2b3c4d"], `"by":"mira"`)
	if code != 0 {
		t.Errorf("code %d", code)
	}
	if _, out, _ = runs(t, "contain", "release", "repair-n1-5e6f7a8b", "--kubeconfig", path); !strings.Contains(out, "held no more") || s.patched["repair-n1-5e6f7a8b"] != "" {
		t.Errorf("what is over is released: %s", out)
	}
	if code, _, said := runs(t, "contain", "release", "--kubeconfig", path); code != exitUsage {
		t.Errorf("code %d: %s", code, said)
	}
}

// stormFile is an export of a journal in which web crashes for two minutes.
func stormFile(t *testing.T) string {
	t.Helper()
	c := recordtest.New()
	c.Crashes("web", 134, "Error")
	pod := recordtest.Ref(c.Pod("web"))
	records := c.Records()
	for i := range 12 {
		records = append(records, record.Record{Time: recordtest.Now.Add(time.Duration(i) * 10 * time.Second), Source: "api", Object: pod, Payload: &record.Exit{Container: "web", Code: 134, Reason: "Error"}})
	}
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		line, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(file, "%s\n", line)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestContainSimulate(t *testing.T) {
	journal := stormFile(t)
	_, out, _ := runs(t, "contain", "simulate", "-f", journal)
	wants(t, out, "hold", "Act", "ScaleUp", "deployment/web -n shop", "holds would have begun")
	policy := filepath.Join(t.TempDir(), "policy.yaml")
	write := func(text string) {
		if err := os.WriteFile(policy, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("apiVersion: bulkhead.dev/v1alpha1\nkind: ContainmentPolicy\nmetadata: {name: lenient}\nspec: {failures: 100}\n")
	_, out, _ = runs(t, "contain", "simulate", "-f", journal, "--policy", policy)
	wants(t, out, "Nothing would have been held")
	_, out, _ = runs(t, "contain", "simulate", "-f", journal, "-o", "json")
	var answer struct {
		Steps []struct {
			Verb  string
			Time  time.Time
			Brake v1alpha1.Brake
		}
	}
	if err := json.Unmarshal([]byte(out), &answer); err != nil || len(answer.Steps) == 0 || answer.Steps[0].Brake.Spec.Action != v1alpha1.ActionScaleUp || answer.Steps[0].Time.IsZero() {
		t.Errorf("%v: %s", err, out)
	}
	for text, says := range map[string]string{
		"kind: Pod\nmetadata: {name: x}\n": "want a ContainmentPolicy",
		"apiVersion: bulkhead.dev/v1alpha1\nkind: ContainmentPolicy\nmetadata: {name: x}\nspec: {nodeShare: a lot}\n": "is no share",
		"apiVersion: bulkhead.dev/v1alpha1\nkind: ContainmentPolicy\nmetadata: {name: x}\nspec: {speed: 3}\n":         "unknown field",
		"# nothing\n": "has no ContainmentPolicy",
	} {
		write(text)
		if code, _, said := runs(t, "contain", "simulate", "-f", journal, "--policy", policy); code != exitUsage || !strings.Contains(said, says) {
			t.Errorf("%q: code %d: %s", text, code, said)
		}
	}
	if code, _, said := runs(t, "contain", "simulate", "-f", filepath.Join(t.TempDir(), "none")); code != exitFailed || !strings.Contains(said, "read the journal") {
		t.Errorf("code %d: %s", code, said)
	}
}
