package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

const (
	// coreBurst is how many cores of one container are looked at in a while.
	coreBurst = 3
	coreLimit = 2 * time.Minute // until the kubelet has started it again so often
	logLines  = 50
	signal    = 6 // SIGABRT
)

// recorded are the journal's records of a type in the test's namespace.
func (s *space) recorded(of record.Type) (found []record.Record) {
	s.Helper()
	all, err := ours.Records(s.ctx, of)
	s.must(err)
	for _, r := range all {
		if r.Object.Namespace == s.name {
			found = append(found, r)
		}
	}
	return found
}

// A program that crashes in a pod gives a report with all that is promised, and the
// next ones only a count; the diagnosis names what crashed, on what and where.
func TestCoreDump(t *testing.T) {
	requireOurs(t)
	s := newSpace(t)
	s.crashing("crasher", "panic", "60")
	var cores []record.Record
	s.eventually(coreLimit, "the crashes after the first ones are only counted", func() error {
		cores = s.recorded(record.TypeCoreDump)
		if len(cores) <= coreBurst {
			return fmt.Errorf("%d core dumps are recorded", len(cores))
		}
		return nil
	})
	pod := s.pods("crasher")[0]
	var looked []*record.CoreDump
	for _, r := range cores {
		p := r.Payload.(*record.CoreDump)
		if r.Object.Name != pod.Name || r.Object.UID != string(pod.UID) || p.Container != "app" || p.Signal != signal || filepath.Base(p.Executable) != "testapp" {
			t.Errorf("recorded is a core of %s %s: container %q, signal %d, %q", r.Object, r.Object.UID, p.Container, p.Signal, p.Executable)
		}
		if !slices.ContainsFunc(r.Owners, func(o record.Ref) bool { return o.Kind == "Deployment" && o.Name == "crasher" }) {
			t.Errorf("its owners are %v", r.Owners)
		}
		if p.Stack != nil {
			looked = append(looked, p)
		} else if p.Kept != "" || !strings.Contains(p.Dropped, "more than 3 cores") {
			t.Errorf("one that was not looked at: %+v", p)
		}
	}
	if len(looked) != coreBurst {
		t.Errorf("%d of %d were looked at, want %d", len(looked), len(cores), coreBurst)
	}
	for _, p := range looked {
		if i := slices.IndexFunc(p.Stack, func(f string) bool { return strings.HasPrefix(f, "main.fall") }); i < 0 {
			t.Errorf("the stack lacks our function:\n%s", strings.Join(p.Stack, "\n"))
		}
		// It has written more: lines, and then what Go says of a panic.
		if n := len(p.Log); n != logLines || !strings.Contains(strings.Join(p.Log, "\n"), "runtime/proc.go") {
			t.Errorf("of the log, there are %d lines: %q", n, p.Log)
		}
		info, err := os.Stat(p.Kept)
		if err != nil || !strings.HasPrefix(p.Kept, ours.Config.DataDir+"/cores/kept/") || info.Size() == 0 {
			t.Errorf("its core is kept in %q (%q): %v", p.Kept, p.Dropped, err)
		}
	}

	s.eventually(whyLimit, "why names signal, program and function", func() error {
		story, err := s.bulkhead("why", "deploy/crasher", "-n", s.name)
		if err != nil {
			return err
		}
		for _, want := range []string{"First cause: deployment/crasher", "container app (/bin/testapp) crashed on SIGABRT", "called by main.fall at testapp/main.go", "the last line before the crash:"} {
			if !strings.Contains(story, want) {
				return fmt.Errorf("the story lacks %q:\n%s", want, story)
			}
		}
		return nil
	})
	history, err := s.bulkhead("history", "pod/"+pod.Name, "-n", s.name)
	s.must(err)
	if !strings.Contains(history, "dumped core on signal 6") {
		t.Errorf("the pod's history lacks the crash:\n%s", history)
	}
}
