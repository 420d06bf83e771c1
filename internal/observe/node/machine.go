package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/node/cgroupfs"
)

// machine samples the node as a whole: memory, processes, pressure, file systems.
func (n *observer) machine(ctx context.Context) error {
	tree, err := cgroupfs.Open(n.CgroupRoot)
	if err != nil {
		return err
	}
	gates := map[string]*gate{}
	gateOf := func(key string) *gate {
		if gates[key] == nil {
			gates[key] = &gate{}
		}
		return gates[key]
	}
	waits := map[string]*gate{}
	return every(ctx, n.Period, func(now time.Time) error {
		tell := func(key string, u record.Usage) {
			if u.Capacity > 0 && gateOf(key).usage(now, u.Used, u.Capacity, 0) {
				n.measured(now, n.ref(), &u)
			}
		}
		var errs []error
		if used, total, err := memory(); err == nil {
			tell("memory", record.Usage{Resource: "memory", Used: used, Capacity: total})
		} else {
			errs = append(errs, err)
		}
		if used, most, err := processes(); err == nil {
			tell("pids", record.Usage{Resource: "pids", Used: used, Capacity: most})
		} else {
			errs = append(errs, err)
		}
		for _, p := range pressures(now, "", tree.NodePressures(), waits) {
			n.measured(now, n.ref(), p)
		}
		bytes, inodes := fullest(n.Filesystems)
		tell("disk", bytes)
		tell("inodes", inodes)
		return errors.Join(errs...)
	})
}

// memory is what the machine's memory is, and what of it cannot be had.
func memory() (used, total float64, err error) {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, 0, fmt.Errorf("read the machine's memory: %w", err)
	}
	var available float64
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		kilobytes, err := strconv.ParseFloat(f[1], 64)
		if err != nil {
			continue
		}
		switch f[0] {
		case "MemTotal:":
			total = kilobytes * 1024
		case "MemAvailable:":
			available = kilobytes * 1024
		}
	}
	return total - available, total, nil
}

// processes are the machine's threads, which share the numbers, and how many there
// may be: of two limits the lower.
func processes() (used, most float64, err error) {
	data, err := os.ReadFile("/proc/loadavg") // "0.00 0.01 0.05 1/234 5678"
	if err != nil {
		return 0, 0, fmt.Errorf("count the machine's processes: %w", err)
	}
	f := strings.Fields(string(data))
	if len(f) < 4 {
		return 0, 0, fmt.Errorf("count the machine's processes: /proc/loadavg is %q", data)
	}
	_, count, _ := strings.Cut(f[3], "/")
	if used, err = strconv.ParseFloat(count, 64); err != nil {
		return 0, 0, fmt.Errorf("count the machine's processes: %w", err)
	}
	for _, file := range []string{"/proc/sys/kernel/pid_max", "/proc/sys/kernel/threads-max"} {
		limit, err := number(file)
		if err != nil {
			return 0, 0, err
		}
		if most == 0 || limit < most {
			most = limit
		}
	}
	return used, most, nil
}

// fullest is the use of the node's fullest file system, of bytes and of inodes: the
// node has one series of each. A path that is not there is left out.
func fullest(paths []string) (bytes, inodes record.Usage) {
	seen := map[uint64]bool{}
	for _, path := range paths {
		device, ok := deviceOf(path)
		if !ok || seen[device] {
			continue
		}
		seen[device] = true
		b, i, err := usageOf(path)
		if err != nil {
			continue
		}
		if bytes.Capacity == 0 || b.Used*bytes.Capacity > bytes.Used*b.Capacity {
			bytes = b
		}
		if inodes.Capacity == 0 || i.Used*inodes.Capacity > inodes.Used*i.Capacity {
			inodes = i
		}
	}
	return bytes, inodes
}

func deviceOf(path string) (uint64, bool) {
	var s unix.Stat_t
	if unix.Stat(path, &s) != nil {
		return 0, false
	}
	return s.Dev, true
}

// usageOf is what is used of a file system, without what only root may use.
func usageOf(path string) (bytes, inodes record.Usage, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return bytes, inodes, fmt.Errorf("look at the file system of %s: %w", path, err)
	}
	size := float64(s.Bsize)
	used := float64(s.Blocks - s.Bfree)
	bytes = record.Usage{Resource: "disk", Used: used * size, Capacity: (used + float64(s.Bavail)) * size}
	inodes = record.Usage{Resource: "inodes", Used: float64(s.Files - s.Ffree), Capacity: float64(s.Files)}
	return bytes, inodes, nil
}

func number(file string) (float64, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return 0, fmt.Errorf("read a setting of the kernel: %w", err)
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(string(data)), 64)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", file, err)
	}
	return n, nil
}
