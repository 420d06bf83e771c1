package objects

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/resource"
)

// fakeAPI is an API server that speaks JSON and knows pages, but no streamed lists.
type fakeAPI struct {
	mu      sync.Mutex
	objects map[string][]any // by path
	refuse  map[string]int   // status by path
	logs    map[string]string
	changes map[string]chan metav1.WatchEvent
	listed  map[string]int // requests
}

func newFakeAPI(t *testing.T) (*fakeAPI, *rest.Config) {
	t.Helper()
	f := &fakeAPI{objects: map[string][]any{}, refuse: map[string]int{}, logs: map[string]string{}, changes: map[string]chan metav1.WatchEvent{}, listed: map[string]int{}}
	for _, k := range Kinds() {
		f.changes[path(k, "")] = make(chan metav1.WatchEvent, 16)
	}
	server := httptest.NewServer(f)
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	return f, &rest.Config{Host: server.URL}
}

func pathOf(t *testing.T, name string) (resource.Kind, string) {
	t.Helper()
	k, ok := resource.NewNames().Find(name)
	if !ok {
		t.Fatalf("no kind %s", name)
	}
	return k, path(k, "")
}

func (f *fakeAPI) put(t *testing.T, name string, objects ...any) {
	t.Helper()
	_, p := pathOf(t, name)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.objects[p] = append(f.objects[p], objects...)
}

func (f *fakeAPI) change(t *testing.T, verb, name string, o resource.Object) {
	t.Helper()
	k, p := pathOf(t, name)
	o.GetObjectKind().SetGroupVersionKind(k.GroupVersionKind)
	raw, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	e := metav1.WatchEvent{Type: verb}
	e.Object.Raw = raw
	f.changes[p] <- e
}

func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	f.mu.Lock()
	code, objects, changes := f.refuse[r.URL.Path], f.objects[r.URL.Path], f.changes[r.URL.Path]
	f.mu.Unlock()
	q := r.URL.Query()
	switch {
	case r.URL.Path == "/version":
		_, _ = w.Write([]byte(`{}`))
	case strings.HasSuffix(r.URL.Path, "/log"):
		f.mu.Lock()
		text := f.logs[r.URL.Path+" previous="+q.Get("previous")]
		f.mu.Unlock()
		_, _ = w.Write([]byte(text))
	case code != 0:
		fail(w, code, "no")
	case changes == nil && objects == nil:
		fail(w, http.StatusNotFound, "no such path")
	case q.Get("watch") != "" && q.Get("sendInitialEvents") == "true":
		fail(w, http.StatusUnprocessableEntity, "sendInitialEvents is not known")
	case q.Get("watch") != "":
		flusher := http.NewResponseController(w)
		_ = flusher.Flush()
		for {
			select {
			case e := <-changes:
				_ = json.NewEncoder(w).Encode(e)
				_ = flusher.Flush()
			case <-r.Context().Done():
				return
			}
		}
	default:
		f.mu.Lock()
		f.listed[r.URL.Path]++
		f.mu.Unlock()
		f.list(w, r, objects)
	}
}

// list gives pages of two.
func (f *fakeAPI) list(w http.ResponseWriter, r *http.Request, objects []any) {
	from, next := 0, ""
	if c := r.URL.Query().Get("continue"); c != "" {
		from = len(c)
	}
	to := min(from+2, len(objects))
	if to < len(objects) {
		next = strings.Repeat("x", to)
	}
	kind := "List"
	for _, k := range Kinds() {
		if path(k, "") == r.URL.Path {
			kind = k.Kind + "List"
			_ = json.NewEncoder(w).Encode(map[string]any{"kind": kind, "apiVersion": k.GroupVersion().String(), "metadata": map[string]any{"resourceVersion": "7", "continue": next}, "items": append([]any{}, objects[from:to]...)})
			return
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"kind": kind, "apiVersion": "v1", "metadata": map[string]any{"resourceVersion": "7", "continue": next}, "items": objects[from:to]})
}

func fail(w http.ResponseWriter, code int, message string) {
	w.WriteHeader(code)
	reason := metav1.StatusReasonInvalid
	switch code {
	case http.StatusForbidden:
		reason = metav1.StatusReasonForbidden
	case http.StatusNotFound:
		reason = metav1.StatusReasonNotFound
	}
	_ = json.NewEncoder(w).Encode(metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: "Failure", Reason: reason, Code: int32(code), Message: message})
}

// sink keeps records.
type sink struct {
	mu      sync.Mutex
	records []record.Record
}

func (s *sink) Append(r ...record.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records = append(s.records, r...)
	return nil
}

func (s *sink) all() []record.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]record.Record{}, s.records...)
}

// until waits for a record.
func (s *sink) until(t *testing.T, what string, is func(record.Record) bool) record.Record {
	t.Helper()
	for range 500 {
		for _, r := range s.all() {
			if is(r) {
				return r
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("no record of %s", what)
	return record.Record{}
}

var yes = true

func meta(namespace, name, uid string, owner *metav1.OwnerReference) metav1.ObjectMeta {
	m := metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID("uid-" + uid), ResourceVersion: "5"}
	if owner != nil {
		owner.Controller = &yes
		m.OwnerReferences = []metav1.OwnerReference{*owner}
	}
	return m
}

func crashed(id string) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: "app", RestartCount: 1, State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: 134, Reason: "Error", ContainerID: "containerd://" + id, FinishedAt: metav1.NewTime(time.Now().Truncate(time.Second)),
	}}}
}
