// Package cgroupfs reads what the containers of a node use and how they are held
// back, from the cgroup file system: version 2, version 1, or both side by side
// (pressure then comes from the version 2 tree, where the runtime made one).
//
// Its one rule: what a file does not say is not known (a nil), never zero.
package cgroupfs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-k8s/bulkhead/internal/observe/node/cgrouppath"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime/cgroup"
)

// ErrNoController indicates that no hierarchy has a memory controller.
var ErrNoController = errors.New("no cgroup hierarchy has a memory controller")

// Tree is the cgroups of one node's pods.
type Tree struct {
	// The directories of the controllers; in version 2 they are one.
	memory, cpu, pids, pressure string
	unified                     bool
	buffer                      []byte
}

// Open finds the cgroups of the pods below root, the name of a cgroup as
// "/bulkhead", or "/" for a kubelet that has the machine to itself.
func Open(root string) (*Tree, error) {
	hierarchies, err := cgroup.Hierarchies()
	if err != nil {
		return nil, err
	}
	return open(hierarchies, root)
}

func open(hierarchies []cgroup.Hierarchy, root string) (*Tree, error) {
	t := &Tree{buffer: make([]byte, 16<<10)}
	for _, h := range hierarchies {
		dir := filepath.Join(h.Mountpoint, root)
		if h.Unified {
			t.pressure = dir
			continue
		}
		for controller := range strings.SplitSeq(filepath.Base(h.Mountpoint), ",") {
			switch controller {
			case "memory":
				t.memory = dir
			case "cpu":
				t.cpu = dir
			case "pids":
				t.pids = dir
			}
		}
	}
	if t.memory == "" && t.pressure != "" {
		t.memory, t.cpu, t.pids, t.unified = t.pressure, t.pressure, t.pressure, true
	}
	if t.memory == "" {
		return nil, ErrNoController
	}
	return t, nil
}

// Unified says whether all comes from version 2.
func (t *Tree) Unified() bool { return t.unified }

// Container is one container's cgroup.
type Container struct {
	cgrouppath.Place
	// path is below the directories of the controllers.
	path string
}

// depth of a container below the root: kubepods, its class, the pod, itself.
const maxDepth = 5

// Containers lists the containers that have cgroups now.
func (t *Tree) Containers() ([]Container, error) {
	var all []Container
	err := t.walk("", 0, &all)
	if err != nil {
		return nil, fmt.Errorf("list the containers' cgroups: %w", err)
	}
	return all, nil
}

func (t *Tree) walk(path string, level int, all *[]Container) error {
	entries, err := os.ReadDir(filepath.Join(t.memory, path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // removed meanwhile, or no pod was ever there
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		below := filepath.Join(path, e.Name())
		if place := cgrouppath.Of(below); place.ContainerID != "" {
			*all = append(*all, Container{place, below})
			continue
		}
		if level == 0 && !strings.HasPrefix(e.Name(), "kubepods") {
			continue
		}
		if level+1 < maxDepth {
			if err := t.walk(below, level+1, all); err != nil {
				return err
			}
		}
	}
	return nil
}

// Sample is what one container uses at a time.
type Sample struct {
	// Memory is what the kernel cannot take back easily (the working set).
	Memory, PIDs *Amount
	CPU          *Throttling
	// Pressures are by resource: cpu, memory, io.
	Pressures map[string]Pressure
}

// Amount is used of a limit; 0 is no limit.
type Amount struct{ Used, Limit int64 }

// Throttling counts from the container's start.
type Throttling struct {
	Periods, Throttled, WaitedNanos int64
}

// Pressure is the share of time in which some or all work waited, in percent.
type Pressure struct{ Some10, Some60, Full10, Full60 float64 }

// noLimit is what version 1 shows without one, less a page.
const noLimit = 1 << 62

// Read samples a container. What is gone meanwhile is empty.
func (t *Tree) Read(c Container) Sample {
	var s Sample
	memory, cpu, pids := filepath.Join(t.memory, c.path), filepath.Join(t.cpu, c.path), filepath.Join(t.pids, c.path)
	used, limit, inactive, waited := "memory.usage_in_bytes", "memory.limit_in_bytes", "total_inactive_file", "throttled_time"
	if t.unified {
		used, limit, inactive, waited = "memory.current", "memory.max", "inactive_file", "throttled_usec"
	}
	if bytes, ok := t.number(memory, used); ok {
		s.Memory = &Amount{Used: bytes}
		if reclaimable := t.fields(memory, "memory.stat", inactive); reclaimable[0] < bytes {
			s.Memory.Used -= reclaimable[0]
		}
		if most, ok := t.number(memory, limit); ok && most < noLimit {
			s.Memory.Limit = most
		}
	}
	if t.pids != "" {
		if n, ok := t.number(pids, "pids.current"); ok {
			s.PIDs = &Amount{Used: n}
			s.PIDs.Limit, _ = t.number(pids, "pids.max") // "max" is no number, and no limit
		}
	}
	if t.cpu != "" {
		if v := t.fields(cpu, "cpu.stat", "nr_periods", "nr_throttled", waited); v[0] > 0 {
			s.CPU = &Throttling{v[0], v[1], v[2]}
			if t.unified {
				s.CPU.WaitedNanos *= 1000
			}
		}
	}
	if t.pressure != "" {
		s.Pressures = t.pressures(filepath.Join(t.pressure, c.path), ".pressure")
	}
	return s
}

// NodePressures are those of the whole machine; none where the kernel does not
// keep them.
func (t *Tree) NodePressures() map[string]Pressure { return t.pressures("/proc/pressure", "") }

func (t *Tree) pressures(dir, suffix string) map[string]Pressure {
	var all map[string]Pressure
	for _, resource := range []string{"cpu", "memory", "io"} {
		data, err := t.read(dir, resource+suffix)
		if err != nil {
			return all // without the first there are no others
		}
		if p, ok := parsePressure(string(data)); ok {
			if all == nil {
				all = make(map[string]Pressure, 3)
			}
			all[resource] = p
		}
	}
	return all
}

// parsePressure reads "some avg10=0.00 avg60=0.00 avg300=0.00 total=0" and the
// same for full, which old kernels do not have for cpu.
func parsePressure(s string) (Pressure, bool) {
	var p Pressure
	ok := false
	for line := range strings.Lines(s) {
		f := strings.Fields(line)
		if len(f) < 3 {
			continue
		}
		short, err1 := strconv.ParseFloat(strings.TrimPrefix(f[1], "avg10="), 64)
		long, err2 := strconv.ParseFloat(strings.TrimPrefix(f[2], "avg60="), 64)
		if err1 != nil || err2 != nil {
			continue
		}
		switch f[0] {
		case "some":
			p.Some10, p.Some60, ok = short, long, true
		case "full":
			p.Full10, p.Full60 = short, long
		}
	}
	return p, ok
}

func (t *Tree) number(dir, file string) (int64, bool) {
	data, err := t.read(dir, file)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(string(bytes.TrimSpace(data)), 10, 64)
	return n, err == nil
}

// fields are numbers of a file of lines "name number"; what is not there is 0.
func (t *Tree) fields(dir, file string, names ...string) []int64 {
	values := make([]int64, len(names))
	data, err := t.read(dir, file)
	if err != nil {
		return values
	}
	for len(data) > 0 {
		var line []byte
		line, data, _ = bytes.Cut(data, []byte("\n"))
		name, number, ok := bytes.Cut(line, []byte(" "))
		if !ok {
			continue
		}
		for i, wanted := range names {
			if string(name) == wanted {
				values[i], _ = strconv.ParseInt(string(number), 10, 64)
			}
		}
	}
	return values
}

// read reads a small file into the one buffer, which lasts until the next. Not by
// os.File: that would hand each file to the poller and take it away again, a third
// of the cost.
func (t *Tree) read(dir, file string) ([]byte, error) {
	f, err := unix.Open(dir+"/"+file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(f)
	n, err := unix.Read(f, t.buffer)
	if err != nil {
		return nil, err
	}
	return t.buffer[:n], nil
}

// MemoryLimit is the limit of a cgroup that is named by its path from the root; 0
// if it has none or is gone.
func MemoryLimit(path string) int64 {
	t, err := Open(path)
	if err != nil {
		return 0
	}
	file := "memory.limit_in_bytes"
	if t.unified {
		file = "memory.max"
	}
	limit, ok := t.number(t.memory, file)
	if !ok || limit >= noLimit {
		return 0
	}
	return limit
}
