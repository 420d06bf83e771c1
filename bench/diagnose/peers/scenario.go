package main

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing/fstest"
	"time"

	"golang.org/x/tools/txtar"
	"sigs.k8s.io/yaml"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump"
)

// scenario is what this comparison needs of a file of the catalogue, whose form
// test/scenarios describes.
type scenario struct {
	name  string
	files []txtar.File

	FirstCause struct{ Kind, Namespace, Name string }
	Decisive   []struct{ File string }
	Healthy    bool
	NoCause    bool
	At         time.Time
}

// saved is when files are from that do not say it.
var saved = time.Date(2026, 11, 20, 10, 45, 0, 0, time.UTC)

func load(root, only string) ([]*scenario, error) {
	paths, err := filepath.Glob(filepath.Join(root, "test/scenarios/catalogue/*"+only+"*.txtar"))
	if err != nil || len(paths) == 0 {
		return nil, fmt.Errorf("no scenarios below %s (%v)", root, err)
	}
	var all []*scenario
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			return nil, fmt.Errorf("read scenario: %w", err)
		}
		s := &scenario{name: strings.TrimSuffix(filepath.Base(path), ".txtar"), At: saved}
		for _, f := range archive.Files {
			if f.Name != "expect.yaml" {
				s.files = append(s.files, f)
				continue
			}
			if err := yaml.Unmarshal(f.Data, s); err != nil {
				return nil, fmt.Errorf("read %s: %w", path, err)
			}
		}
		all = append(all, s)
	}
	return all, nil
}

func (s *scenario) records(ctx context.Context) ([]record.Record, error) {
	m := fstest.MapFS{}
	for _, f := range s.files {
		m[f.Name] = &fstest.MapFile{Data: f.Data, ModTime: s.At}
	}
	records, _, err := dump.ReadFS(ctx, m)
	if err != nil {
		return nil, fmt.Errorf("scenario %s: %w", s.name, err)
	}
	return records, nil
}

// class is which rows of the table a scenario is counted in.
type class string

const (
	inAPI     class = "the API shows it"
	beyondAPI class = "records beyond the API"
	healthy   class = "healthy"
	noCause   class = "no cause recorded"
)

// class says whether the cause and its decisive evidence are anything that an API
// server serves: the cluster as a whole and the parts of a control plane are no
// objects, and records of nodes and of the past, alerts and audit logs are served by
// none.
func (s *scenario) class() class {
	switch {
	case s.Healthy:
		return healthy
	case s.NoCause:
		return noCause
	case s.FirstCause.Kind == "Cluster", s.FirstCause.Kind == "Component":
		return beyondAPI
	}
	for _, d := range s.Decisive {
		if slices.ContainsFunc(s.files, func(f txtar.File) bool { return f.Name == d.File && beyond(f) }) {
			return beyondAPI
		}
	}
	return inAPI
}

func beyond(f txtar.File) bool {
	return strings.HasSuffix(f.Name, ".jsonl") || bytes.Contains(f.Data, []byte(`"startsAt"`)) || bytes.Contains(f.Data, []byte(`"auditID"`))
}

func (s *scenario) wanted() string {
	if s.Healthy || s.NoCause {
		return "nothing"
	}
	return object(s.FirstCause).String()
}
