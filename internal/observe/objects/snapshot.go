package objects

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/resource"
)

// SnapshotOptions say what to read. The zero value is ready to use.
type SnapshotOptions struct {
	// Resources are further kinds, as widgets.example.com.
	Resources []string
	// LogLines is how many of the last lines of each log are read, Logs of how
	// many containers at most. Default 60 and 40; negative reads none.
	LogLines, Logs int
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// SnapshotReport says what was read and what was not.
type SnapshotReport struct {
	Objects, Events, Logs int
	// Refused are the kinds that could not be listed, and why.
	Refused []Refused
}

// Refused is a kind that could not be listed.
type Refused struct {
	Kind string
	Err  error
}

const (
	pageSize = 500
	parallel = 8
	askTime  = 10 * time.Second
)

// Snapshot reads what a cluster's API knows now, and the ends of the logs of the
// containers that fail. It returns an error only if nothing can be read.
func Snapshot(ctx context.Context, config *rest.Config, o SnapshotOptions) ([]record.Record, SnapshotReport, error) {
	o.LogLines, o.Logs = cmp.Or(o.LogLines, 60), cmp.Or(o.Logs, 40)
	if o.Now == nil {
		o.Now = time.Now
	}
	source, err := newSource(config)
	if err != nil {
		return nil, SnapshotReport{}, fmt.Errorf("read the cluster: %w", err)
	}
	// One question first: a server that does not answer is not asked 30 times.
	ask, cancel := context.WithTimeout(ctx, askTime)
	err = source.get(ask, "/version", &struct{}{})
	cancel()
	if err != nil && !source.final(err) {
		return nil, SnapshotReport{}, fmt.Errorf("read the cluster at %s: %w", config.Host, err)
	}
	s := &snapshot{source: source, opts: o, slots: make(chan struct{}, parallel)}
	all := Kinds()
	for _, name := range o.Resources {
		k, err := source.resolve(ctx, name)
		if err != nil {
			s.report.Refused = append(s.report.Refused, Refused{name, err})
			continue
		}
		all = append(all, k)
	}
	s.lists(ctx, all)
	if err := ctx.Err(); err != nil {
		return nil, s.report, fmt.Errorf("read the cluster: %w", err)
	}
	if s.report.Objects == 0 && len(s.report.Refused) > 0 && len(s.report.Refused) == len(all) {
		return nil, s.report, fmt.Errorf("read the cluster at %s: nothing may be listed: %w", config.Host, s.report.Refused[0].Err)
	}
	s.logs(ctx)
	slices.SortStableFunc(s.records, func(a, b record.Record) int { return a.Time.Compare(b.Time) })
	return s.records, s.report, nil
}

// snapshot is one under way.
type snapshot struct {
	source *source
	opts   SnapshotOptions
	slots  chan struct{}

	mu      sync.Mutex
	records []record.Record
	failing []failing
	report  SnapshotReport
}

// each runs f for each item, so many at a time.
func each[T any](s *snapshot, items []T, f func(T)) {
	var all sync.WaitGroup
	for _, item := range items {
		s.slots <- struct{}{}
		all.Go(func() {
			defer func() { <-s.slots }()
			f(item)
		})
	}
	all.Wait()
}

func (s *snapshot) lists(ctx context.Context, kinds []resource.Kind) {
	each(s, kinds, func(k resource.Kind) {
		n, err := s.list(ctx, k)
		s.mu.Lock()
		defer s.mu.Unlock()
		if err != nil {
			s.report.Refused = append(s.report.Refused, Refused{k.Kind, err})
			return
		}
		if k.Kind == "Event" {
			s.report.Events = n
			return
		}
		s.report.Objects += n
		s.records = append(s.records, record.Record{Time: s.opts.Now().UTC(), Source: SourceAPI, Object: record.Ref{Group: k.Group, Kind: k.Kind}, Payload: &record.Listing{Count: n}})
	})
	slices.SortFunc(s.report.Refused, func(a, b Refused) int { return cmp.Compare(a.Kind, b.Kind) })
}

// page is a part of a list.
type page struct {
	Metadata metav1.ListMeta   `json:"metadata"`
	Items    []json.RawMessage `json:"items"`
}

// list reads all objects of a kind, page by page.
func (s *snapshot) list(ctx context.Context, k resource.Kind) (n int, err error) {
	for next := ""; ; {
		request := s.source.plain.Get().AbsPath(path(k, "")).Param("limit", strconv.Itoa(pageSize))
		if next != "" {
			request = request.Param("continue", next)
		}
		body, err := request.Do(ctx).Raw()
		if err != nil {
			return n, err
		}
		var p page
		if err := json.Unmarshal(body, &p); err != nil {
			return n, fmt.Errorf("list %s: %w", k.Plural, err)
		}
		if err := s.items(k, p.Items); err != nil {
			return n, fmt.Errorf("list %s: %w", k.Plural, err)
		}
		n += len(p.Items)
		if next = p.Metadata.Continue; next == "" {
			return n, nil
		}
	}
}

func (s *snapshot) items(k resource.Kind, items []json.RawMessage) error {
	out := make([]record.Record, 0, len(items))
	var failed []failing
	now := s.opts.Now().UTC()
	for _, raw := range items {
		if k.Kind == "Event" {
			var e corev1.Event
			if err := json.Unmarshal(raw, &e); err != nil {
				return err
			}
			out = append(out, eventRecord(&e))
			continue
		}
		r, err := s.item(k, raw, now)
		if err != nil {
			return err
		}
		out = append(out, r)
		if k.Kind == "Pod" {
			f, err := failingIn(raw, r)
			if err != nil {
				return err
			}
			failed = append(failed, f...)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records = append(s.records, out...)
	s.failing = append(s.failing, failed...)
	return nil
}

// item makes a record of one object. What needs nothing taken out is not decoded
// as a whole.
func (s *snapshot) item(k resource.Kind, raw json.RawMessage, now time.Time) (record.Record, error) {
	var o metav1.PartialObjectMetadata
	if err := json.Unmarshal(raw, &o); err != nil {
		return record.Record{}, err
	}
	whole, err := wholeOf(k, raw)
	if err != nil {
		return record.Record{}, err
	}
	ref := k.Ref(o.Namespace, o.Name)
	ref.UID = string(o.UID)
	r := record.Record{Time: now, Source: SourceAPI, Object: ref, Payload: &record.State{Whole: whole, Detail: record.Full}}
	if c := controller(&o); c != (record.Ref{}) {
		r.Owners = []record.Ref{c}
	}
	return r, nil
}

func wholeOf(k resource.Kind, raw json.RawMessage) (json.RawMessage, error) {
	if k.Kind != "Secret" && k.Kind != "CustomResourceDefinition" {
		return withType(k, raw), nil
	}
	o := k.New()
	if err := json.Unmarshal(withType(k, raw), o); err != nil {
		return nil, err
	}
	strip(o, nil)
	o.GetObjectKind().SetGroupVersionKind(k.GroupVersionKind)
	return json.Marshal(o)
}

// withType puts apiVersion and kind in front, which the items of lists lack.
func withType(k resource.Kind, raw json.RawMessage) json.RawMessage {
	raw = bytes.TrimSpace(raw)
	if len(raw) < 2 || raw[0] != '{' || bytes.HasPrefix(raw, []byte(`{"kind"`)) || bytes.HasPrefix(raw, []byte(`{"apiVersion"`)) {
		return raw
	}
	head := fmt.Sprintf(`{"apiVersion":%q,"kind":%q`, k.GroupVersion().String(), k.Kind)
	rest := bytes.TrimSpace(raw[1:])
	if rest[0] != '}' {
		head += ","
	}
	return append([]byte(head), rest...)
}

// get reads a JSON answer.
func (s *source) get(ctx context.Context, path string, into any) error {
	body, err := s.plain.Get().AbsPath(path).Do(ctx).Raw()
	if err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}
