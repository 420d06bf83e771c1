package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const cgroupMount = "/sys/fs/cgroup"

// unified says that this machine has cgroup v2 alone.
func unified() bool {
	_, err := os.Stat(filepath.Join(cgroupMount, "cgroup.controllers"))
	return err == nil
}

// cgroupRoots are the hierarchies in which a container may have a cgroup.
func cgroupRoots() []string {
	if unified() {
		return []string{cgroupMount}
	}
	entries, _ := os.ReadDir(cgroupMount)
	var roots []string
	for _, entry := range entries {
		if entry.IsDir() {
			roots = append(roots, filepath.Join(cgroupMount, entry.Name()))
		}
	}
	return roots
}

// cgroupDir is where a cgroup's processor time is counted.
func cgroupDir(name string) string {
	if unified() {
		return filepath.Join(cgroupMount, name)
	}
	return filepath.Join(cgroupMount, "cpuacct", name)
}

// cgroupDirs are all that a component's process joins: where its processor time
// is counted, and where it is handed out.
func cgroupDirs(name string) []string {
	if unified() {
		return []string{cgroupDir(name)}
	}
	return []string{cgroupDir(name), filepath.Join(cgroupMount, "cpu", name)}
}

// makeCgroup makes a cgroup that goes before everything else on the machine, so
// that other work disturbs the figures less.
func makeCgroup(name string) error {
	for _, dir := range cgroupDirs(name) {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("make cgroup: %w", err)
		}
	}
	file, most := filepath.Join(cgroupMount, "cpu", name, "cpu.shares"), "262144"
	if unified() {
		file, most = filepath.Join(cgroupDir(name), "cpu.weight"), "10000"
	}
	if err := os.WriteFile(file, []byte(most), 0o644); err != nil {
		return fmt.Errorf("put a cgroup before others: %w", err)
	}
	return nil
}

// cpuTime is processor time in seconds.
type cpuTime struct {
	User   float64 `json:"user"`
	System float64 `json:"system"`
}

func (t cpuTime) total() float64 { return t.User + t.System }

func (t cpuTime) minus(o cpuTime) cpuTime { return cpuTime{t.User - o.User, t.System - o.System} }

// cpuOf is what all processes of these cgroups have used, also those that have
// ended. A cgroup that does not exist has used nothing.
func cpuOf(names ...string) (cpuTime, error) {
	var sum cpuTime
	for _, name := range names {
		dir := cgroupDir(name)
		if _, err := os.Stat(dir); err != nil {
			continue
		}
		var one cpuTime
		var err error
		if unified() {
			var data []byte
			if data, err = os.ReadFile(filepath.Join(dir, "cpu.stat")); err == nil {
				one = parseCPUStat(string(data))
			}
		} else {
			if one.User, err = readNanoseconds(filepath.Join(dir, "cpuacct.usage_user")); err == nil {
				one.System, err = readNanoseconds(filepath.Join(dir, "cpuacct.usage_sys"))
			}
		}
		if err != nil {
			return sum, fmt.Errorf("read processor time of cgroup %s: %w", name, err)
		}
		sum.User += one.User
		sum.System += one.System
	}
	return sum, nil
}

// parseCPUStat reads cgroup v2's cpu.stat.
func parseCPUStat(data string) (t cpuTime) {
	for line := range strings.Lines(data) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		microseconds, _ := strconv.ParseFloat(value, 64)
		switch name {
		case "user_usec":
			t.User = microseconds / 1e6
		case "system_usec":
			t.System = microseconds / 1e6
		}
	}
	return t
}

func readNanoseconds(path string) (seconds float64, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(string(data)), 64)
	return n / 1e9, err
}

// joinBefore puts this process into a cgroup that goes before others, so that
// it sees in time what it waits for. leave undoes it.
func joinBefore(name string) (leave func(), err error) {
	if err := makeCgroup(name); err != nil {
		return nil, err
	}
	join := func(dir string) error {
		return os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(os.Getpid())), 0o644)
	}
	dirs := cgroupDirs(name)
	for _, dir := range dirs {
		if err := join(dir); err != nil {
			return nil, fmt.Errorf("join cgroup: %w", err)
		}
	}
	return func() {
		for _, dir := range dirs {
			_ = join(strings.TrimSuffix(dir, "/"+name)) // the hierarchy's root
			_ = removeCgroup(dir)
		}
	}, nil
}
