package coredump

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/observe/coredump/corepattern"
)

// rootOf is the cgroup below the file system's root that dir of container is in.
func rootOf(dir string) string {
	parts := strings.Split(dir, "/")
	for _, part := range parts {
		if strings.HasPrefix(part, "bulkhead-test-core-") {
			return "/" + part
		}
	}
	return ""
}

// reportsIn are those that wait in a directory, once there are so many: the handler
// writes them after the process's end.
func reportsIn(t *testing.T, dir string, want int) []Report {
	t.Helper()
	var all []Report
	for range 500 {
		if err := directory(dir).take(func(r Report) error { all = append(all, r); return nil }); err != nil {
			t.Fatal(err)
		}
		if len(all) >= want {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	return all
}

// Two clusters on one machine: each gets the cores of its own pods, whoever's
// handler the kernel runs; when the first goes, the second takes over, and the last
// one restores what was before both.
func TestTwoOnOneMachine(t *testing.T) {
	first := install(t, Settings{Burst: 100})
	before := corepattern.Before(first.dir)
	program, group := compileC(t), container(t)
	second := short(t)
	handler, err := Install(second, directory(first.dir).handler(), rootOf(group), Settings{Burst: 100, MinFree: 0.001, Spare: 1})
	if err != nil || handler != first.dir {
		t.Fatalf("the handler is %q, want the first one's, %q: %v", handler, first.dir, err)
	}
	if !InPlace(second, handler) || !InPlace(first.dir, first.dir) {
		t.Error("what was installed is not in place")
	}

	crashIn(t, group, syscall.SIGABRT, program, "abort")
	theirs := reportsIn(t, second, 1)
	if len(theirs) != 1 || theirs[0].PodUID != podUID || !strings.HasPrefix(theirs[0].Kept, second+"/") || len(theirs[0].Stack) == 0 {
		t.Errorf("of a crash in its pod, the second cluster has %+v", theirs)
	}
	crashIn(t, "", syscall.SIGABRT, program, "abort")
	if r := first.next(t); r.PodUID != "" || !strings.HasPrefix(r.Kept, first.dir+"/") {
		t.Errorf("of a crash outside of pods, the first cluster has %+v", r)
	}
	if more := reportsIn(t, second, 0); len(more) != 0 {
		t.Errorf("the second cluster has %+v, which is not its own", more)
	}

	if err := Uninstall(first.dir, first.dir); err != nil {
		t.Fatal(err)
	}
	if InPlace(second, handler) {
		t.Error("the first one has gone, and the second does not see it")
	}
	if handler, err = Install(second, directory(first.dir).handler(), rootOf(group), Settings{Burst: 100}); err != nil || handler != second {
		t.Fatalf("the handler is %q, want the second one's: %v", handler, err)
	}
	crashIn(t, group, syscall.SIGABRT, program, "abort")
	if theirs := reportsIn(t, second, 1); len(theirs) != 1 {
		t.Errorf("of a crash in its pod, the second cluster has %+v", theirs)
	}
	if err := Uninstall(second, handler); err != nil {
		t.Fatal(err)
	}
	if now, err := corepattern.Current(); err != nil || now != before {
		t.Errorf("the setting was %q before both and is %q (%v)", before, now, err)
	}
}

// A cluster that leaves, or whose directory is gone, gets nothing any more.
func TestPeersThatWent(t *testing.T) {
	d, gone, left := directory(t.TempDir()), t.TempDir(), t.TempDir()
	for _, dir := range []string{gone, left} {
		if err := os.Mkdir(directory(dir).reports(), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := d.join(peer{Dir: dir, Cgroup: "/" + filepath.Base(dir)}); err != nil {
			t.Fatal(err)
		}
		if got := d.of("4:memory:/outer/" + filepath.Base(dir) + "/kubepods/x\n"); got != directory(dir) {
			t.Errorf("got %s, want %s", got, dir)
		}
	}
	if err := os.RemoveAll(directory(gone).reports()); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(d.note(left)); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{gone, left} {
		if got := d.of("4:memory:/" + filepath.Base(dir) + "/kubepods/x\n"); got != d {
			t.Errorf("got %s, want the handler's own, %s", got, d)
		}
	}
}
