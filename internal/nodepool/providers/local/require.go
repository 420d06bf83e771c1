package local

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// facts are what a machine must have for local nodes.
type facts struct {
	root bool
	// programs are those that are there.
	programs map[string]bool
	// loop says that files can be mounted as disks.
	loop bool
}

// refuse says why local nodes, with a disk of their own or without, cannot be made
// here; nil if they can.
func refuse(f facts, ownDisk bool) error {
	switch {
	case !f.root:
		return errors.New("local nodes need root: they are network namespaces with containers")
	case !f.programs["nft"]:
		return errors.New("nft is not installed, which lets local nodes out; install Debian's package nftables")
	case !ownDisk:
		return nil
	case !f.programs["mkfs.ext4"] || !f.programs["mount"]:
		return errors.New("mkfs.ext4 or mount is not installed, which make the disks that machine.resources.ephemeral-storage asks for; install Debian's packages e2fsprogs and mount, or leave it out of the machine")
	case !f.loop:
		return errors.New("there is no /dev/loop-control, by which files become the disks that machine.resources.ephemeral-storage asks for; load the kernel's module loop, or leave it out of the machine")
	}
	return nil
}

func gather() facts {
	f := facts{root: os.Geteuid() == 0, programs: map[string]bool{}}
	for _, name := range []string{"nft", "mkfs.ext4", "mount"} {
		_, err := exec.LookPath(name)
		f.programs[name] = err == nil
	}
	_, err := os.Stat("/dev/loop-control")
	f.loop = err == nil
	return f
}

// measure finds what this machine has.
func measure(dataDir string) (Machine, error) {
	var m Machine
	online, err := os.ReadFile("/sys/devices/system/cpu/online")
	if err == nil {
		m.CPUs, err = countRanges(strings.TrimSpace(string(online)))
	}
	if err != nil {
		return m, fmt.Errorf("count this machine's processors: %w", err)
	}
	if m.MemoryBytes, err = memory(); err != nil {
		return m, fmt.Errorf("measure this machine's memory: %w", err)
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(dataDir, &disk); err != nil {
		return m, fmt.Errorf("measure the disk of %s: %w", dataDir, err)
	}
	m.DiskBytes = int64(disk.Blocks) * disk.Frsize
	return m, nil
}

// memory is MemTotal, as the kubelet has it.
func memory() (int64, error) {
	file, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), "MemTotal:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(text, "kB")), 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("/proc/meminfo has no MemTotal")
}

// countRanges counts what the kernel lists as "0-3,6".
func countRanges(list string) (int64, error) {
	var n int64
	for part := range strings.SplitSeq(list, ",") {
		first, last, is := strings.Cut(part, "-")
		a, err := strconv.ParseInt(first, 10, 32)
		b := a
		if err == nil && is {
			b, err = strconv.ParseInt(last, 10, 32)
		}
		if err != nil || b < a {
			return 0, fmt.Errorf("%q is no list of processors", list)
		}
		n += b - a + 1
	}
	return n, nil
}
