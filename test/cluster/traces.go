package cluster

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Process is a process that belongs to the cluster.
type Process struct {
	PID     int
	Command string
	// Started is when, in the kernel's clock ticks since boot.
	Started string
}

// Processes returns what runs for this data directory: whatever names it on its
// command line, and whatever is in its cgroup.
func (c *Cluster) Processes() ([]Process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var found []Process
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		command, _ := os.ReadFile(filepath.Join("/proc", entry.Name(), "cmdline"))
		text := strings.TrimSpace(strings.ReplaceAll(string(command), "\x00", " "))
		if text == "" {
			continue // a kernel thread or a zombie
		}
		if strings.Contains(text, c.Config.DataDir) || c.inCgroup(pid) {
			found = append(found, Process{PID: pid, Command: text, Started: started(pid)})
		}
	}
	return found, nil
}

// Containers returns the processes in the pods' cgroups, without shims and
// containerd.
func (c *Cluster) Containers() ([]Process, error) {
	all, err := c.Processes()
	return slices.DeleteFunc(all, func(p Process) bool { return strings.Contains(p.Command, c.Config.DataDir) }), err
}

// Find returns the processes whose command line contains text.
func (c *Cluster) Find(text string) ([]Process, error) {
	all, err := c.Processes()
	return slices.DeleteFunc(all, func(p Process) bool { return !strings.Contains(p.Command, text) }), err
}

func (c *Cluster) inCgroup(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(data)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) == 3 && (parts[2] == c.Config.CgroupRoot() || strings.HasPrefix(parts[2], c.Config.CgroupRoot()+"/")) {
			return true
		}
	}
	return false
}

// started is the 22nd field of proc_pid_stat(5), which follows the command's
// closing parenthesis by 20.
func started(pid int) string {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(data), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 20 {
		return ""
	}
	return fields[19]
}

// Mounts returns the mount points below the data directory, deepest first.
func (c *Cluster) Mounts() ([]string, error) {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var mounts []string
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) > 4 && strings.HasPrefix(fields[4], c.Config.DataDir+"/") {
			mounts = append(mounts, fields[4])
		}
	}
	slices.Sort(mounts)
	slices.Reverse(mounts)
	return mounts, lines.Err()
}

// Cgroups returns the cluster's cgroups in all hierarchies.
func (c *Cluster) Cgroups() []string {
	var found []string
	for _, pattern := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/*"} {
		paths, _ := filepath.Glob(pattern + c.Config.CgroupRoot())
		found = append(found, paths...)
	}
	return found
}

// PodNetworks returns the network namespaces of the running containers.
func (c *Cluster) PodNetworks() (map[uint64]bool, error) {
	containers, err := c.Containers()
	if err != nil {
		return nil, err
	}
	own, err := inode("/proc/self/ns/net")
	if err != nil {
		return nil, err
	}
	node, err := inode(c.Net.Path())
	if err != nil {
		return nil, err
	}
	networks := map[uint64]bool{}
	for _, container := range containers {
		number, err := inode(fmt.Sprintf("/proc/%d/ns/net", container.PID))
		if err == nil && number != own && number != node {
			networks[number] = true
		}
	}
	return networks, nil
}

// NamedNetworks returns which of networks have a name on this machine.
func NamedNetworks(networks map[uint64]bool) []string {
	var named []string
	paths, _ := filepath.Glob("/run/netns/*")
	for _, path := range paths {
		if number, err := inode(path); err == nil && networks[number] {
			named = append(named, path)
		}
	}
	return named
}

func inode(path string) (uint64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Sys().(*syscall.Stat_t).Ino, nil
}

// sweep ends and unmounts by force what a reset that failed has left.
func (c *Cluster) sweep() error {
	left, err := c.Processes()
	errs := []error{err}
	for _, process := range left {
		if strings.Contains(process.Command, "go test") || strings.Contains(process.Command, ".test ") {
			continue
		}
		errs = append(errs, fmt.Errorf("left running: %d %s", process.PID, process.Command))
		_ = unix.Kill(process.PID, unix.SIGKILL)
	}
	mounts, err := c.Mounts()
	errs = append(errs, err)
	for _, mount := range mounts {
		errs = append(errs, fmt.Errorf("left mounted: %s", mount))
		_ = unix.Unmount(mount, unix.MNT_DETACH)
	}
	return errors.Join(errs...)
}
