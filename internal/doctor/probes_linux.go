package doctor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func tryOpen(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return file.Close()
}

func tryInotify() error {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// apart runs try on a thread with the given new namespaces, which end with it.
func apart(namespaces int, try func() error) error {
	if os.Geteuid() != 0 {
		return errNotTried
	}
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // and not unlocked: the thread ends with the goroutine
		if unix.Gettid() == unix.Getpid() {
			// Go never ends the main thread. It would stay in these namespaces, and
			// /proc/self, which is the main thread's view, would lie to the whole
			// process: a kubelet found its mounts private and mounted over them.
			// While we hold this thread, the next attempt gets another one.
			defer runtime.UnlockOSThread()
			result <- apart(namespaces, try)
			return
		}
		if err := unix.Unshare(namespaces); err != nil {
			result <- fmt.Errorf("%w: unshare: %w", errNotTried, err)
			return
		}
		result <- try()
	}()
	return <-result
}

// tryOverlay mounts an overlay whose layers lie in dir, in a mount namespace
// that nobody else sees, and writes to it.
func tryOverlay(dir string) error {
	return apart(unix.CLONE_NEWNS, func() error {
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return fmt.Errorf("%w: make mounts private: %w", errNotTried, err)
		}
		probe, err := os.MkdirTemp(dir, ".bulkhead-probe-")
		if err != nil {
			return fmt.Errorf("%w: %w", errNotTried, err) // the check of the data directory says why
		}
		defer os.RemoveAll(probe)
		layer := func(name string) string { return filepath.Join(probe, name) }
		for _, name := range []string{"lower", "upper", "work", "merged"} {
			if err := os.Mkdir(layer(name), 0o700); err != nil {
				return fmt.Errorf("%w: %w", errNotTried, err)
			}
		}
		options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", layer("lower"), layer("upper"), layer("work"))
		if err := unix.Mount("overlay", layer("merged"), "overlay", 0, options); err != nil {
			return err
		}
		defer unix.Unmount(layer("merged"), unix.MNT_DETACH)
		return os.WriteFile(filepath.Join(layer("merged"), "file"), nil, 0o600)
	})
}

// nftProbe has one of each thing that kube-proxy makes.
const nftProbe = `
add table ip bulkhead-probe
add chain ip bulkhead-probe nat { type nat hook postrouting priority 100; }
add map ip bulkhead-probe services { type ipv4_addr . inet_proto . inet_service : verdict; }
add rule ip bulkhead-probe nat ip daddr . meta l4proto . th dport vmap @services
add rule ip bulkhead-probe nat meta mark & 0x4000 == 0x4000 masquerade
delete table ip bulkhead-probe
`

// tryNetwork makes a veth pair, a bridge and an nftables table, and with slow
// lists iptables' nat table, all in a network namespace of its own.
func tryNetwork(ctx context.Context, nft, iptables string, slow bool) (linksErr, nftErr, iptErr error) {
	err := apart(unix.CLONE_NEWNET, func() error {
		linksErr = tryLinks()
		if nft != "" {
			nftErr = run(ctx, nftProbe, nft, "-f", "-")
		}
		if iptables != "" && slow {
			iptErr = run(ctx, "", iptables, "-t", "nat", "-S")
		}
		return nil
	})
	if err != nil {
		return err, err, nil
	}
	return linksErr, nftErr, iptErr
}

func tryLinks() error {
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE) // of this thread's namespace
	if err != nil {
		return fmt.Errorf("%w: %w", errNotTried, err)
	}
	defer handle.Close()
	veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "probe0"}, PeerName: "probe1"}
	if err := handle.LinkAdd(veth); err != nil {
		return fmt.Errorf("make a veth pair: %w", err)
	}
	if err := handle.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "probe2"}}); err != nil {
		return fmt.Errorf("make a bridge: %w", err)
	}
	return nil
}

// run runs a program in this thread's namespaces; its error has the first line
// of what the program said.
func run(ctx context.Context, stdin, program string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	command := exec.CommandContext(ctx, program, args...)
	var said bytes.Buffer
	command.Stdin, command.Stderr = strings.NewReader(stdin), &said
	err := command.Run()
	if line := firstLine(strings.TrimSpace(said.String())); err != nil && line != "" {
		return errors.New(line)
	}
	return err
}

// output returns what a program prints, or nothing.
func output(ctx context.Context, program string, args ...string) string {
	if program == "" {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	text, _ := exec.CommandContext(ctx, program, args...).Output()
	return string(text)
}
