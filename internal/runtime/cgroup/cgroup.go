package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/sys/mountinfo"
)

// Hierarchy is one mounted cgroup file system.
type Hierarchy struct {
	Mountpoint string
	// Unified is true for version 2.
	Unified bool
}

// Hierarchies returns the cgroup file systems of this host, as seen by us.
func Hierarchies() ([]Hierarchy, error) {
	mounts, err := mountinfo.GetMounts(mountinfo.FSTypeFilter("cgroup", "cgroup2"))
	if err != nil {
		return nil, fmt.Errorf("list cgroup hierarchies: %w", err)
	}
	return hierarchies(mounts), nil
}

func hierarchies(mounts []*mountinfo.Info) []Hierarchy {
	var found []Hierarchy
	for _, mount := range mounts {
		// The same hierarchy may be mounted once more, in a container's view of
		// it for example; what counts is where the system has it.
		if !strings.HasPrefix(mount.Mountpoint, "/sys/fs/cgroup") {
			continue
		}
		hierarchy := Hierarchy{Mountpoint: mount.Mountpoint, Unified: mount.FSType == "cgroup2"}
		if !slices.Contains(found, hierarchy) {
			found = append(found, hierarchy)
		}
	}
	return found
}

// Group is one cgroup in all hierarchies.
type Group struct {
	hierarchies []Hierarchy
	name        string
}

// Open returns the cgroup with this name, such as "/bulkhead", whether it exists
// or not. It refuses the root, and names that lead elsewhere.
func Open(name string) (*Group, error) {
	all, err := Hierarchies()
	if err != nil {
		return nil, err
	}
	return open(all, name)
}

func open(all []Hierarchy, name string) (*Group, error) {
	if !filepath.IsAbs(name) || filepath.Clean(name) != name || name == "/" {
		return nil, fmt.Errorf("cgroup %q: want the name of one below the root, such as /bulkhead", name)
	}
	return &Group{hierarchies: all, name: name}, nil
}

// Paths returns the directories of the cgroup that exist.
func (g *Group) Paths() []string {
	var paths []string
	for _, hierarchy := range g.hierarchies {
		path := filepath.Join(hierarchy.Mountpoint, g.name)
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			paths = append(paths, path)
		}
	}
	return paths
}

// Create makes the cgroup and the named leaves below it, with every controller
// that the parent has.
func (g *Group) Create(leaves ...string) error {
	for _, hierarchy := range g.hierarchies {
		path := filepath.Join(hierarchy.Mountpoint, g.name)
		if err := hierarchy.create(path); err != nil {
			return fmt.Errorf("create cgroup %s: %w", g.name, err)
		}
		if hierarchy.Unified {
			enableControllers(hierarchy.Mountpoint, g.name)
		}
		for _, leaf := range leaves {
			if err := hierarchy.create(filepath.Join(path, leaf)); err != nil {
				return fmt.Errorf("create cgroup %s/%s: %w", g.name, leaf, err)
			}
		}
	}
	return nil
}

// create makes one directory, and what is missing above it.
func (h Hierarchy) create(path string) error {
	if path == h.Mountpoint {
		return nil
	}
	if err := h.create(filepath.Dir(path)); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if h.Unified {
		return nil
	}
	// In version 1, a new cgroup has no processors and no memory, and takes no
	// process until it is given some.
	for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
		own, err := os.ReadFile(filepath.Join(path, name))
		if err != nil || len(strings.TrimSpace(string(own))) > 0 {
			continue
		}
		parents, err := os.ReadFile(filepath.Join(filepath.Dir(path), name))
		if err == nil {
			err = os.WriteFile(filepath.Join(path, name), parents, 0)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// enableControllers hands all controllers down from the root to name, one by
// one, since one that cannot be handed down must not keep the others back. What
// is missing then is for the kubelet to say, which knows what it needs.
func enableControllers(mountpoint, name string) {
	path := mountpoint
	for _, element := range append([]string{""}, strings.Split(strings.Trim(name, "/"), "/")...) {
		path = filepath.Join(path, element)
		available, err := os.ReadFile(filepath.Join(path, "cgroup.controllers"))
		if err != nil {
			return
		}
		for _, controller := range strings.Fields(string(available)) {
			_ = os.WriteFile(filepath.Join(path, "cgroup.subtree_control"), []byte("+"+controller), 0)
		}
	}
}

// Processes returns the ids of all processes in the cgroup and below.
func (g *Group) Processes() ([]int, error) {
	var pids []int
	for _, root := range g.Paths() {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // removed meanwhile
			}
			if err != nil || !entry.IsDir() {
				return err
			}
			data, err := os.ReadFile(filepath.Join(path, "cgroup.procs"))
			if err != nil {
				return nil // removed meanwhile, or a threaded cgroup: its parent lists them
			}
			for _, line := range strings.Fields(string(data)) {
				// 0 stands for a process that our PID namespace does not see.
				if pid, err := strconv.Atoi(line); err == nil && pid > 0 {
					pids = append(pids, pid)
				}
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("list processes of cgroup %s: %w", g.name, err)
		}
	}
	slices.Sort(pids)
	return slices.Compact(pids), nil
}

// Remove removes the cgroup and all below it, which must be without processes.
// What is gone already is no error.
func (g *Group) Remove() error {
	var errs []error
	for _, root := range g.Paths() {
		var directories []string
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				directories = append(directories, path)
			}
			return nil
		})
		errs = append(errs, err)
		for _, directory := range slices.Backward(directories) { // children first
			// The files in it go with the directory; os.Remove uses rmdir(2).
			if err := os.Remove(directory); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, fmt.Errorf("remove cgroup: %w", err))
			}
		}
	}
	return errors.Join(errs...)
}
