package reset

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestFindRefusesWhatWouldBeEverything(t *testing.T) {
	for _, target := range []Target{
		{DataDir: "/", CgroupRoot: "/bulkhead"},
		{DataDir: "/..", CgroupRoot: "/bulkhead"},
		{DataDir: "relative", CgroupRoot: "/bulkhead"},
		{DataDir: "", CgroupRoot: "/bulkhead"},
		{DataDir: "/var/lib/bulkhead", CgroupRoot: "/"},
		{DataDir: "/var/lib/bulkhead", CgroupRoot: ""},
	} {
		if plan, err := Find(t.Context(), target); err == nil {
			t.Errorf("%+v gives the plan %v", target, plan.Items)
		}
	}
}

func TestFindWhereNothingRan(t *testing.T) {
	target := Target{DataDir: filepath.Join(t.TempDir(), "never"), CgroupRoot: "/bulkhead-test-never"}
	plan, err := Find(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Items) > 0 {
		t.Errorf("plan = %v", plan.Items)
	}
	if err := plan.Apply(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestOwnMounts(t *testing.T) {
	var mounts []mount
	for _, point := range []string{ // in the order of mounting
		"/", "/proc", "/data", "/data/storage", "/data/run",
		"/data/run/containerd/netns/cni-1",
		"/data/run/containerd/task/rootfs",
		"/data/run/containerd/task/rootfs/proc",
		"/data/kubelet",
		"/data/kubelet/pods/1/volumes/token",
		"/data/kubelet/pods/1/volumes/token", // mounted over
		"/data/kubelet2/x",
		"/database/run/containerd/x",
		"/mnt/data/run/containerd/x",
	} {
		mounts = append(mounts, mount{point: point})
	}
	got := ownMounts(mounts, []string{"/data/run/containerd", "/data/kubelet/"})
	want := []string{
		"/data/kubelet/pods/1/volumes/token",
		"/data/kubelet/pods/1/volumes/token",
		"/data/run/containerd/task/rootfs/proc",
		"/data/run/containerd/task/rootfs",
		"/data/run/containerd/netns/cni-1",
	}
	if !slices.Equal(got, want) {
		t.Errorf("own mounts:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}

	// The kubelet mounts its directory on itself; what an operator mounted there
	// comes from elsewhere.
	own := ownMounts([]mount{{"/data", true}, {"/data/kubelet", true}, {"/data/run/containerd", false}}, []string{"/data/run/containerd", "/data/kubelet"})
	if want := []string{"/data/kubelet"}; !slices.Equal(own, want) {
		t.Errorf("own mounts: %q, want %q", own, want)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestFilesOutsideOfTheDataDirectory(t *testing.T) {
	directory := t.TempDir()
	for name, target := range map[string]string{
		"ours.log":   "/data/log/pods/a/0.log",
		"theirs.log": "/var/log/pods/a/0.log",
		"close.log":  "/data2/log/pods/a/0.log",
	} {
		if err := os.Symlink(target, filepath.Join(directory, name)); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(directory, "plain.log"), "/data/log")
	links, err := logLinks(directory, "/data", "/real/data")
	if want := []string{filepath.Join(directory, "ours.log")}; err != nil || !slices.Equal(links, want) {
		t.Errorf("links = %v, %v; want %v", links, err, want)
	}

	results := t.TempDir()
	write(t, filepath.Join(results, "bulkhead-1-eth0"), `{"netns":"/data/run/containerd/netns/cni-1"}`)
	write(t, filepath.Join(results, "bulkhead-2-eth0"), `{"netns":"/data2/run/containerd/netns/cni-2"}`)
	write(t, filepath.Join(results, "flannel-1-eth0"), `{"netns":"/data/run/containerd/netns/cni-1"}`)
	cached, err := cachedResults(results, "/data")
	if want := []string{filepath.Join(results, "bulkhead-1-eth0")}; err != nil || !slices.Equal(cached, want) {
		t.Errorf("results = %v, %v; want %v", cached, err, want)
	}
	if _, err := logLinks(filepath.Join(results, "missing"), "/data"); err != nil {
		t.Errorf("a missing directory: %v", err)
	}
}

// What an operator mounted in our directory is not ours to delete.
func TestRemovalStopsAtMounts(t *testing.T) {
	data := t.TempDir()
	for _, file := range []string{"etcd/db", "storage/disk/precious", "storage/ours", "top"} {
		write(t, filepath.Join(data, file), "x")
	}
	disk := filepath.Join(data, "storage/disk")
	err := removeAround(data, data, []string{disk})
	if err == nil || !strings.Contains(err.Error(), disk) {
		t.Errorf("error = %v, want one that names the mount", err)
	}
	for file, stays := range map[string]bool{"etcd": false, "top": false, "storage/ours": false, "storage/disk/precious": true} {
		if _, err := os.Stat(filepath.Join(data, file)); (err == nil) != stays {
			t.Errorf("%s: %v, want it to stay: %v", file, err, stays)
		}
	}
	// The data directory as a disk of its own: its content is ours.
	if err := os.RemoveAll(data); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(data, "etcd/db"), "x")
	if err := removeAround(data, data, []string{data}); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(data); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}
