package cgroupfs

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/bulkhead-k8s/bulkhead/internal/runtime/cgroup"
)

const (
	uid = "46e2c62c-10d8-488c-925e-b2b54649a566"
	id  = "07ba5a2a3d8a3a0a6f0d7a3fd0cd1d1b4a8f0f35b1a4e77f54c1a2d9d0c0b1ef"
)

// files writes files, by path.
func files(t *testing.T, root string, all map[string]string) {
	t.Helper()
	for path, content := range all {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

const psi = "some avg10=1.50 avg60=0.50 avg300=0.00 total=1\nfull avg10=0.25 avg60=0.75 avg300=0.00 total=1\n"

var pressure = Pressure{Some10: 1.5, Some60: 0.5, Full10: 0.25, Full60: 0.75}

func TestVersions(t *testing.T) {
	at := "/b/kubepods/burstable/pod" + uid + "/" + id + "/"
	slice := "/b/kubepods.slice/kubepods-pod46e2c62c_10d8_488c_925e_b2b54649a566.slice/cri-containerd-" + id + ".scope/"
	full := Sample{
		Memory: &Amount{Used: 900, Limit: 2000}, PIDs: &Amount{Used: 7, Limit: 50}, CPU: &Throttling{100, 40, 5000},
		Pressures: map[string]Pressure{"cpu": pressure, "memory": pressure, "io": pressure},
	}
	hybrid := full
	hybrid.Pressures = map[string]Pressure{"cpu": pressure}
	for name, c := range map[string]struct {
		hierarchies []cgroup.Hierarchy
		files       map[string]string
		unified     bool
		want        Sample
	}{
		"version 2": {
			[]cgroup.Hierarchy{{Mountpoint: "cgroup", Unified: true}},
			map[string]string{
				"cgroup" + slice + "memory.current": "1000\n", "cgroup" + slice + "memory.stat": "anon 1\ninactive_file 100\n", "cgroup" + slice + "memory.max": "2000\n",
				"cgroup" + slice + "pids.current": "7\n", "cgroup" + slice + "pids.max": "50\n",
				"cgroup" + slice + "cpu.stat":     "usage_usec 1\nnr_periods 100\nnr_throttled 40\nthrottled_usec 5\n",
				"cgroup" + slice + "cpu.pressure": psi, "cgroup" + slice + "memory.pressure": psi, "cgroup" + slice + "io.pressure": psi,
			}, true, full,
		},
		"version 1 with a version 2 tree for pressure": {
			[]cgroup.Hierarchy{{Mountpoint: "memory"}, {Mountpoint: "cpu,cpuacct"}, {Mountpoint: "pids"}, {Mountpoint: "unified", Unified: true}},
			map[string]string{
				"memory" + at + "memory.usage_in_bytes": "1000\n", "memory" + at + "memory.stat": "total_inactive_file 100\n", "memory" + at + "memory.limit_in_bytes": "2000\n",
				"pids" + at + "pids.current": "7\n", "pids" + at + "pids.max": "50\n",
				"cpu,cpuacct" + at + "cpu.stat": "nr_periods 100\nnr_throttled 40\nthrottled_time 5000\n",
				"unified" + at + "cpu.pressure": psi,
			}, false, hybrid,
		},
		"without limits": {
			[]cgroup.Hierarchy{{Mountpoint: "memory"}, {Mountpoint: "pids"}},
			map[string]string{
				"memory" + at + "memory.usage_in_bytes": "1000\n", "memory" + at + "memory.limit_in_bytes": "9223372036854771712\n",
				"pids" + at + "pids.current": "7\n", "pids" + at + "pids.max": "max\n",
			}, false, Sample{Memory: &Amount{Used: 1000}, PIDs: &Amount{Used: 7}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			files(t, root, c.files)
			files(t, root, map[string]string{"memory/other/pod" + uid + "/" + id + "/x": "", "cgroup/system.slice/a.service/x": ""})
			for i := range c.hierarchies {
				c.hierarchies[i].Mountpoint = filepath.Join(root, c.hierarchies[i].Mountpoint)
			}
			tree, err := open(c.hierarchies, "/b")
			if err != nil {
				t.Fatal(err)
			}
			all, err := tree.Containers()
			if err != nil || len(all) != 1 || all[0].ContainerID != id || all[0].PodUID != uid {
				t.Fatalf("containers: %+v, %v", all, err)
			}
			if tree.Unified() != c.unified {
				t.Errorf("unified is %t", tree.Unified())
			}
			if got := tree.Read(all[0]); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestNoController(t *testing.T) {
	if _, err := open(nil, "/"); err == nil {
		t.Error("no error")
	}
}

func FuzzPressure(f *testing.F) {
	f.Add(psi)
	f.Fuzz(func(t *testing.T, s string) { parsePressure(s) })
}
