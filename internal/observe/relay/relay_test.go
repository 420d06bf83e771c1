package relay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// server is one that can be restarted, and whose answers can be lost.
type server struct {
	*testing.T
	dir      string
	journal  *journal.Journal
	receiver atomic.Pointer[Receiver]
	// down refuses requests; lose is how many are taken whose answer is lost.
	down atomic.Bool
	lose atomic.Int32
	url  string
}

func newServer(t *testing.T) *server {
	s := &server{T: t, dir: t.TempDir()}
	s.open()
	take := Handler(
		func(r *http.Request) string { return r.Header.Get("Node") },
		func() (*Receiver, error) { return s.receiver.Load(), nil })
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.down.Load() {
			panic(http.ErrAbortHandler)
		}
		if s.lose.Add(-1) >= 0 {
			take.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		}
		take.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		h.Close()
		s.journal.Close()
	})
	s.url = h.URL
	return s
}

func (s *server) open() {
	var err error
	if s.journal, err = journal.Open(s.dir, journal.Options{}); err != nil {
		s.Fatal(err)
	}
	s.receiver.Store(NewReceiver(ReceiverOptions{
		To: s.journal, Journal: s.journal,
		Owners: func(pod record.Ref) []record.Ref {
			return []record.Ref{{Kind: "Deployment", Group: "apps", Name: pod.Name}}
		},
		NodeOf: func(record.Ref) string { return "" },
	}))
}

func (s *server) restart() {
	if err := s.journal.Close(); err != nil {
		s.Error(err)
	}
	s.open()
}

// asNode makes requests be of a node.
type asNode string

func (n asNode) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set("Node", string(n))
	return http.DefaultTransport.RoundTrip(r)
}

// sender runs one of node "one"; end ends it and waits.
func (s *server) sender(o SenderOptions) (sender *Sender, end func()) {
	o.Post = Poster(&http.Client{Transport: asNode("one")}, s.url)
	o.Gather, o.Pause, o.FirstRetry, o.LastRetry = time.Millisecond, time.Millisecond, time.Millisecond, 20*time.Millisecond
	sender = NewSender(o)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { sender.Run(ctx) })
	end = func() {
		cancel()
		running.Wait()
	}
	s.Cleanup(end)
	return sender, end
}

// kept counts the journal's records by what crashed.
func (s *server) kept() map[string]int {
	names := map[string]int{}
	for r, err := range s.journal.Query(context.Background(), journal.Filter{}) {
		if err != nil {
			s.Fatal(err)
		}
		if r.Node != "one" {
			s.Errorf("a record of node %q", r.Node)
		}
		names[r.Object.Name]++
	}
	return names
}

// settled waits until the server has all that was given.
func settled(t *testing.T, s *Sender) {
	t.Helper()
	for range 2000 {
		if s.Stats().Waiting == 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("records still wait: %+v, %v", s.Stats(), s.Away())
}

func crash(pod string) record.Record {
	return record.Record{Time: time.Now(), Source: "kernel", Object: record.Ref{Kind: "Pod", Namespace: "shop", Name: pod, UID: pod},
		Payload: &record.Exit{Container: "app", Signal: 6}}
}

func dump(pod string) record.Record {
	r := crash(pod)
	r.Source, r.Payload = "core", &record.CoreDump{Container: "app", Signal: 6, Stack: []string{"abort"}}
	return r
}

// Each record is in the journal once: whatever was lost on the way, and whoever was
// started anew meanwhile.
func TestEachRecordOnce(t *testing.T) {
	s := newServer(t)
	sender, end := s.sender(SenderOptions{})
	want := map[string]int{}
	give := func(what string) {
		if err := sender.Append(crash(what)); err != nil {
			t.Error(err)
		}
		want[what] = 1
	}
	give("at rest")
	settled(t, sender)

	s.lose.Store(3)
	give("answers lost")
	settled(t, sender)

	s.lose.Store(1)
	give("taken before the restart")
	for s.lose.Load() > 0 {
		time.Sleep(time.Millisecond)
	}
	s.down.Store(true)
	s.restart()
	give("while the server was away")
	s.down.Store(false)
	settled(t, sender)

	end() // an agent's orderly end
	sender, end = s.sender(SenderOptions{})
	give("of the next agent")
	end()
	if got := s.kept(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the journal has %v, want %v", got, want)
	}
}

// Whatever the server does, records are taken or refused at once, a flood is
// summarised, and reports of cores stay where they are.
func TestNothingWaitsForTheServer(t *testing.T) {
	s := newServer(t)
	s.down.Store(true)
	sender, end := s.sender(SenderOptions{Queue: 50})
	if err := sender.Append(crash("first")); err != nil {
		t.Error(err)
	}
	for sender.Away() == nil {
		time.Sleep(time.Millisecond)
	}
	began := time.Now()
	for i := range 10_000 {
		if err := sender.Append(crash(fmt.Sprint("pod-", i%5))); err != nil {
			t.Error(err)
		}
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("10,000 records took %v", took)
	}
	if err := sender.Append(dump("core")); !errors.Is(err, ErrAway) {
		t.Errorf("a core dump's report is taken without a server: %v", err)
	}
	if got := sender.Stats(); got.Waiting > 50 || got.Thinned < 9_000 || got.Lost != 0 {
		t.Errorf("%+v", got)
	}
	s.down.Store(false)
	settled(t, sender)
	if err := sender.Append(dump("core")); err != nil {
		t.Errorf("a core dump's report: %v", err)
	}
	end()
	counted := 0
	for r, err := range s.journal.Query(context.Background(), journal.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if summary, ok := r.Payload.(*record.Summary); ok {
			counted += summary.Count
		} else {
			counted++
		}
	}
	if counted != 10_002 {
		t.Errorf("the journal counts %d records, want 10,002", counted)
	}
}

func TestBatchesStayWithinTheirBounds(t *testing.T) {
	long := dump("long")
	long.Payload.(*record.CoreDump).Log = []string{strings.Repeat("x", 300<<10)}
	many := make([]record.Record, 2*batchRecords)
	for i := range many {
		many[i] = crash("small")
	}
	for name, c := range map[string]struct {
		records []record.Record
		want    int
	}{
		"small": {many, batchRecords},
		"long":  {[]record.Record{long, long, long, long, long, long}, 4},
	} {
		body, n, err := encode(c.records)
		if err != nil || n != c.want {
			t.Errorf("%s: %d records, %v; want %d", name, n, err, c.want)
		}
		if back, err := decode(bytes.NewReader(body)); err != nil || len(back) != c.want {
			t.Errorf("%s: %d come back, %v", name, len(back), err)
		}
	}
}

func TestAnswers(t *testing.T) {
	s := newServer(t)
	body, _, err := encode([]record.Record{crash("a")})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		node, stream string
		body         []byte
		want         string
	}{
		"taken":      {"one", "s", body, ""},
		"nobody's":   {"", "s", body, "403 Forbidden"},
		"nameless":   {"one", "", body, ErrUnreadable.Error()},
		"no records": {"one", "s", []byte("nonsense"), ErrUnreadable.Error()},
		"cut off":    {"one", "s", body[:len(body)-5], ErrUnreadable.Error()},
	} {
		err := Poster(&http.Client{Transport: asNode(c.node)}, s.url+"/")(t.Context(), ID{c.stream, 1}, c.body)
		if got := fmt.Sprint(err); (err == nil) != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	if err := Poster(http.DefaultClient, other.URL)(t.Context(), ID{"s", 1}, body); !errors.Is(err, ErrNoJournal) {
		t.Errorf("a server without a journal: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	body, _, err := encode([]record.Record{crash("a"), dump("b")})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body)
	f.Add([]byte(`{"time":"2026-11-24T10:42:00Z","type":"exit","payload":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		records, err := decode(bytes.NewReader(data))
		if err != nil && !errors.Is(err, ErrUnreadable) {
			t.Error(err)
		}
		for _, r := range records {
			own(r, "one", time.Now(), func(record.Ref) string { return "" })
		}
	})
}
