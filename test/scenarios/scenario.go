package main

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing/fstest"
	"time"

	"golang.org/x/tools/txtar"
	"sigs.k8s.io/yaml"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

//go:embed catalogue/*.txtar
var catalogue embed.FS

// expectation is what a scenario's expect.yaml says.
type expectation struct {
	Title string `json:"title"`
	// Source is where it is from: "story 7" of the public failures that
	// docs/diagnosis.md lists, or a page that describes the behaviour.
	Source string `json:"source"`
	// FirstCause is what failed first; its reason may be several joined by "|"
	// where the recorded cannot tell them apart.
	FirstCause want `json:"firstCause"`
	// Chain are steps of which each must lead to the next: REASON, or REASON
	// KIND/NAME. Between them may be others.
	Chain []string `json:"chain"`
	// Top is 3 where a person could not be surer from what was sent.
	Top int `json:"top"`
	// Decisive is what the mutation takes away.
	Decisive []mutation `json:"decisive"`
	// Healthy says that there must be no incident at all.
	Healthy bool `json:"healthy"`
	// NoCause says that the verdict must be that no cause is recorded.
	NoCause bool `json:"noCause"`
	// Known is why the diagnosis misses it, if it does.
	Known string `json:"known"`
	// At is when the files were saved.
	At time.Time `json:"at"`
}

type want struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Reason    string `json:"reason"`
}

// kindCluster stands for the cluster as a whole, which is no object.
const kindCluster = "Cluster"

// is says whether a verdict is what is wanted.
func (w want) is(c v1alpha1.Cause) bool {
	if w.Kind == kindCluster {
		w.Kind = ""
	}
	return c.Object.Kind == w.Kind && c.Object.Namespace == w.Namespace && c.Object.Name == w.Name &&
		slices.Contains(strings.Split(w.Reason, "|"), c.Reason)
}

// about says whether a verdict is about the object that is wanted.
func (w want) about(c v1alpha1.Cause) bool {
	w.Reason = c.Reason
	return w.is(c)
}

// mutation takes evidence away: a whole file, or its lines that match, or (with
// To) what matches, for a value that a healthy cluster would show.
type mutation struct {
	File  string  `json:"file"`
	Lines string  `json:"lines"`
	To    *string `json:"to"`
}

// scenario is one file of the catalogue.
type scenario struct {
	Name string
	expectation
	files []txtar.File
}

// saved is when files are from that do not say it.
var saved = time.Date(2026, 11, 20, 10, 45, 0, 0, time.UTC)

// load reads the catalogue, by name.
func load(fsys fs.FS) ([]scenario, error) {
	names, err := fs.Glob(fsys, "catalogue/*.txtar")
	if err != nil {
		return nil, fmt.Errorf("list scenarios: %w", err)
	}
	var all []scenario
	for _, name := range names {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("read scenario: %w", err)
		}
		s, err := parse(strings.TrimSuffix(path.Base(name), ".txtar"), data)
		if err != nil {
			return nil, fmt.Errorf("read scenario %s: %w", name, err)
		}
		all = append(all, s)
	}
	return all, nil
}

func parse(name string, data []byte) (scenario, error) {
	s := scenario{Name: name, files: txtar.Parse(data).Files}
	i := slices.IndexFunc(s.files, func(f txtar.File) bool { return f.Name == "expect.yaml" })
	if i < 0 {
		return s, fmt.Errorf("it has no expect.yaml")
	}
	if err := yaml.UnmarshalStrict(s.files[i].Data, &s.expectation); err != nil {
		return s, fmt.Errorf("expect.yaml: %w", err)
	}
	s.files = slices.Delete(s.files, i, i+1)
	if s.At.IsZero() {
		s.At = saved
	}
	if s.Top == 0 {
		s.Top = 1
	}
	return s, s.check()
}

// check finds what would make a scenario prove nothing.
func (s *scenario) check() error {
	switch {
	case s.Title == "" || s.Source == "":
		return fmt.Errorf("it has no title or no source")
	case len(s.files) == 0:
		return fmt.Errorf("it has no files")
	case s.named() && (s.FirstCause.Reason == "" || s.FirstCause.Kind == "" || len(s.Decisive) == 0):
		return fmt.Errorf("it wants no first cause, or names no decisive evidence")
	case s.named() && len(s.Chain) == 0:
		return fmt.Errorf("it wants no chain")
	case !s.named() && (s.FirstCause != want{} || len(s.Decisive) > 0):
		return fmt.Errorf("it wants a first cause and none")
	}
	_, err := s.mutated()
	return err
}

// named says that a first cause is wanted.
func (s *scenario) named() bool { return !s.Healthy && !s.NoCause }

// fsys is the files as somebody saved them.
func (s *scenario) fsys(files []txtar.File) fs.FS {
	m := fstest.MapFS{}
	for _, f := range files {
		m[f.Name] = &fstest.MapFile{Data: f.Data, ModTime: s.At}
	}
	return m
}

// mutated is the files without the decisive evidence.
func (s *scenario) mutated() ([]txtar.File, error) {
	files := slices.Clone(s.files)
	for _, m := range s.Decisive {
		i := slices.IndexFunc(files, func(f txtar.File) bool { return f.Name == m.File })
		if i < 0 {
			return nil, fmt.Errorf("decisive: there is no file %s", m.File)
		}
		if m.Lines == "" {
			files = slices.Delete(files, i, i+1)
			continue
		}
		re, err := regexp.Compile(m.Lines)
		if err != nil {
			return nil, fmt.Errorf("decisive: %w", err)
		}
		data := m.apply(re, string(files[i].Data))
		if data == string(files[i].Data) {
			return nil, fmt.Errorf("decisive: nothing in %s matches %q", m.File, m.Lines)
		}
		files[i] = txtar.File{Name: m.File, Data: []byte(data)}
	}
	return files, nil
}

func (m mutation) apply(re *regexp.Regexp, text string) string {
	if m.To != nil {
		return re.ReplaceAllString(text, *m.To)
	}
	lines := slices.DeleteFunc(strings.SplitAfter(text, "\n"), func(l string) bool { return re.MatchString(l) })
	return strings.Join(lines, "")
}
