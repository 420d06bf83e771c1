package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime/layout"
)

// The one address of every ground. Each is in a network namespace of its own,
// so that they may all have the same.
const nodeIP = "10.199.7.2"

// ground is where one run takes place: a network namespace, a cgroup for the
// components, one for the pods, and a data directory.
type ground struct {
	name string // also the network namespace's and the components' cgroup's
	dir  string // the side's data directory
	logs string // the components' output, which outlives the run
}

// newGround makes a ground, after removing what a killed run left of it.
func newGround(ctx context.Context, name, workDir, logs string) (g *ground, err error) {
	g = &ground{name: "bhbench-" + name, dir: filepath.Join(workDir, name), logs: logs}
	if err := g.remove(); err != nil {
		return nil, fmt.Errorf("remove what an earlier run left: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, g.remove())
		}
	}()
	for _, dir := range []string{g.dir, g.logs} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make ground %s: %w", name, err)
		}
	}
	for _, name := range []string{g.name, g.podsCgroup()} {
		if err := makeCgroup(name); err != nil {
			return nil, err
		}
	}
	// A pair of interfaces, both inside: the node has an address and a default
	// route, and nothing on the way out.
	for _, command := range [][]string{
		{"ip", "netns", "add", g.name},
		{"ip", "-n", g.name, "link", "set", "lo", "up"},
		{"ip", "-n", g.name, "link", "add", "eth0", "type", "veth", "peer", "name", "outside"},
		{"ip", "-n", g.name, "address", "add", nodeIP + "/24", "dev", "eth0"},
		{"ip", "-n", g.name, "link", "set", "outside", "up"},
		{"ip", "-n", g.name, "link", "set", "eth0", "up"},
		{"ip", "-n", g.name, "route", "add", "default", "via", "10.199.7.1"},
	} {
		if said, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%s: %w: %s", strings.Join(command, " "), err, strings.TrimSpace(string(said)))
		}
	}
	return g, nil
}

// podsCgroup is the --cgroup-root of the run's kubelet.
func (g *ground) podsCgroup() string {
	c := config.Default()
	c.DataDir = g.dir
	return c.CgroupRoot()
}

// command returns a program that will run on the ground, its output going to
// logs/<name>.log.
func (g *ground) command(name, program string, args ...string) (*exec.Cmd, error) {
	log, err := os.OpenFile(filepath.Join(g.logs, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	script := `for dir in $0; do echo $$ > "$dir/cgroup.procs" || exit; done; exec nsenter --net="$1" "${@:2}"`
	arguments := append([]string{"-c", script, strings.Join(cgroupDirs(g.name), " "), "/run/netns/" + g.name, program}, args...)
	cmd := exec.Command("bash", arguments...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // no ^C of ours reaches it
	return cmd, nil
}

// dial connects to an address within the ground's network namespace.
func (g *ground) dial(ctx context.Context, network, address string) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result, 1)
	go func() {
		// Never unlocked: the thread ends with the goroutine, and nobody else
		// gets one that is in another namespace.
		runtime.LockOSThread()
		namespace, err := os.Open("/run/netns/" + g.name)
		if err == nil {
			err = unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET)
			namespace.Close()
		}
		if err != nil {
			done <- result{err: fmt.Errorf("enter network namespace %s: %w", g.name, err)}
			return
		}
		// An address and no name, so that Go dials on this very thread.
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		done <- result{conn, err}
	}()
	r := <-done
	return r.conn, r.err
}

// remove ends every process of the ground and removes all that it made. What is
// missing is no error.
func (g *ground) remove() error {
	pods := g.podsCgroup()
	if err := killCgroups(g.name, pods); err != nil {
		return err
	}
	errs := []error{unmountBelow(g.dir)}
	if _, err := os.Stat("/run/netns/" + g.name); err == nil {
		if said, err := exec.Command("ip", "netns", "delete", g.name).CombinedOutput(); err != nil {
			errs = append(errs, fmt.Errorf("delete network namespace: %w: %s", err, said))
		}
	}
	for _, name := range []string{g.name, pods} {
		for _, root := range cgroupRoots() {
			errs = append(errs, removeCgroup(filepath.Join(root, name)))
		}
	}
	return errors.Join(append(errs, os.RemoveAll(layout.For(g.dir).ShimSockets), os.RemoveAll(g.dir))...)
}

// killCgroups kills all processes of the named cgroups, in every hierarchy,
// until none is left.
func killCgroups(names ...string) error {
	for range 200 {
		var pids []int
		for _, root := range cgroupRoots() {
			for _, name := range names {
				pids = append(pids, processesBelow(filepath.Join(root, name))...)
			}
		}
		if len(pids) == 0 {
			return nil
		}
		for _, pid := range pids {
			_ = unix.Kill(pid, unix.SIGKILL) // it may have ended meanwhile
		}
		time.Sleep(25 * time.Millisecond)
	}
	return fmt.Errorf("processes of cgroups %v do not end", names)
}

// processesBelow lists the processes of a cgroup and of those within it.
func processesBelow(dir string) []int {
	var pids []int
	_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return nil //nolint:nilerr // a cgroup may go away while we look
		}
		data, _ := os.ReadFile(filepath.Join(path, "cgroup.procs"))
		for _, field := range strings.Fields(string(data)) {
			if pid, err := strconv.Atoi(field); err == nil {
				pids = append(pids, pid)
			}
		}
		return nil
	})
	slices.Sort(pids)
	return slices.Compact(pids)
}

// removeCgroup removes a cgroup with those within it. A process that was killed
// may still be on its way out, hence the tries.
func removeCgroup(dir string) error {
	var err error
	for range 100 {
		var dirs []string
		_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, walkErr error) error {
			if walkErr == nil && entry.IsDir() {
				dirs = append(dirs, path)
			}
			return nil
		})
		slices.Reverse(dirs) // the inner ones first
		err = nil
		for _, path := range dirs {
			if rmErr := unix.Rmdir(path); rmErr != nil && !errors.Is(rmErr, fs.ErrNotExist) {
				err = fmt.Errorf("remove cgroup %s: %w", path, rmErr)
			}
		}
		if err == nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return err
}

// unmountBelow takes away all mounts below dir, the latest first.
func unmountBelow(dir string) error {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	var points []string
	for line := range strings.Lines(string(data)) {
		if fields := strings.Fields(line); len(fields) > 4 && strings.HasPrefix(fields[4], dir+"/") {
			points = append(points, fields[4])
		}
	}
	var errs []error
	for _, point := range slices.Backward(points) {
		if err := unix.Unmount(point, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) {
			errs = append(errs, fmt.Errorf("unmount %s: %w", point, err))
		}
	}
	return errors.Join(errs...)
}
