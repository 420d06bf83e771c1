package cgroup

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/sys/mountinfo"
)

const hybrid = `
26 20 0:21 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
27 26 0:22 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
28 26 0:23 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
29 26 0:23 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
90 80 0:22 / /data/run/rootfs/sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
`

func TestHierarchies(t *testing.T) {
	mounts, err := mountinfo.GetMountsFromReader(strings.NewReader(strings.TrimSpace(hybrid)), mountinfo.FSTypeFilter("cgroup", "cgroup2"))
	if err != nil {
		t.Fatal(err)
	}
	want := []Hierarchy{{"/sys/fs/cgroup/cpu", false}, {"/sys/fs/cgroup/unified", true}}
	if got := hierarchies(mounts); !slices.Equal(got, want) {
		t.Errorf("hierarchies = %+v, want %+v", got, want)
	}
}

func TestOpenRefusesWhatIsNotBelowTheRoot(t *testing.T) {
	for _, name := range []string{"", "/", "bulkhead", "/..", "/a/../..", "/a/", "//a"} {
		if _, err := open(nil, name); err == nil {
			t.Errorf("cgroup %q was opened", name)
		}
	}
}

// tree makes directories and files that look like a hierarchy.
func tree(t *testing.T, files map[string]string) Hierarchy {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return Hierarchy{Mountpoint: root}
}

func TestProcessesAreThoseBelow(t *testing.T) {
	first := tree(t, map[string]string{
		"cgroup.procs":                    "1\n2\n",
		"ours/cgroup.procs":               "",
		"ours/containerd/cgroup.procs":    "10\n11\n",
		"ours/kubepods/pod1/cgroup.procs": "12\n0\n",
		"ours2/cgroup.procs":              "20\n",
	})
	second := tree(t, map[string]string{"ours/containerd/cgroup.procs": "11\n13\n"})
	missing := Hierarchy{Mountpoint: t.TempDir()}
	group, err := open([]Hierarchy{first, second, missing}, "/ours")
	if err != nil {
		t.Fatal(err)
	}
	pids, err := group.Processes()
	if err != nil || !slices.Equal(pids, []int{10, 11, 12, 13}) {
		t.Errorf("processes = %v, %v", pids, err)
	}
}

func TestCreateAndRemove(t *testing.T) {
	hierarchy := Hierarchy{Mountpoint: t.TempDir()}
	for _, other := range []string{"other", "oursToo"} {
		if err := os.MkdirAll(filepath.Join(hierarchy.Mountpoint, other), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	group, err := open([]Hierarchy{hierarchy}, "/ours")
	if err != nil {
		t.Fatal(err)
	}
	if err := group.Remove(); err != nil {
		t.Errorf("removing what is not there: %v", err)
	}
	if err := group.Create("containerd", "kubepods/pod1"); err != nil {
		t.Fatal(err)
	}
	if paths := group.Paths(); len(paths) != 1 {
		t.Errorf("paths = %v", paths)
	}
	if err := group.Remove(); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(hierarchy.Mountpoint)
	if err != nil || len(left) != 2 {
		t.Errorf("left %v, %v; want the two others", left, err)
	}
}
