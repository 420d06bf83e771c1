package doctor

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
)

// probeTime bounds each program that is run and each name that is looked up.
const probeTime = 3 * time.Second

func gather(ctx context.Context, c *config.Config, slow bool, h *Host) {
	h.EUID = os.Geteuid()
	h.Caps = parseCapabilities(readText("/proc/self/status"))
	h.Kernel = strings.TrimSpace(readText("/proc/sys/kernel/osrelease"))
	h.Hostname, _ = os.Hostname() // empty does not resolve, and the check says so
	h.Cgroups = gatherCgroups()
	h.Mount.Path = lookPath("mount")
	h.Conntrack.Path = lookPath("conntrack")
	h.NFT.Path = lookPath("nft")
	h.Iptables.Path = lookPath("iptables")
	h.ConntrackMax = readInt("/proc/sys/net/netfilter/nf_conntrack_max")
	h.MaxUserNamespaces = readInt("/proc/sys/user/max_user_namespaces")
	h.MaxInotifyInstances = readInt("/proc/sys/fs/inotify/max_user_instances")
	h.MaxInotifyWatches = readInt("/proc/sys/fs/inotify/max_user_watches")
	h.SwapBytes = parseSwap(readText("/proc/swaps"))
	if h.KmsgErr = tryOpen("/dev/kmsg"); h.KmsgErr != nil && h.EUID != 0 {
		h.KmsgErr = errNotTried // which an ordinary user learns nothing by
	}
	h.InotifyErr = tryInotify()
	h.Routes = parseRoutes(readText("/proc/net/route"))
	resolvConf, err := os.ReadFile(c.ResolvConf)
	h.NameServers, h.ResolvConfErr = parseNameServers(string(resolvConf)), err
	h.Listeners = gatherListeners(c)
	h.Data = gatherDataDir(c, slow)

	var probes sync.WaitGroup
	defer probes.Wait()
	if !c.Simulate {
		probes.Go(func() { h.OverlayErr = tryOverlay(nearest(c.DataDir)) })
		probes.Go(func() { h.LinksErr, h.NFTErr, h.IptErr = tryNetwork(ctx, h.NFT.Path, h.Iptables.Path, slow) })
		probes.Go(func() { h.NFT.Version = firstLine(output(ctx, h.NFT.Path, "-v")) })
	}
	if slow {
		probes.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, probeTime)
			defer cancel()
			_, h.HostnameErr = net.DefaultResolver.LookupHost(ctx, h.Hostname)
		})
	}
}

func gatherCgroups() Cgroups {
	const root = "/sys/fs/cgroup"
	var fs unix.Statfs_t
	if err := unix.Statfs(root, &fs); err != nil {
		return Cgroups{}
	}
	if fs.Type == unix.CGROUP2_SUPER_MAGIC {
		return Cgroups{
			Version:     2,
			Controllers: strings.Fields(readText(root + "/cgroup.controllers")),
			ReadOnly:    fs.Flags&unix.ST_RDONLY != 0,
		}
	}
	cgroups := Cgroups{}
	for _, name := range parseCgroupsV1(readText("/proc/cgroups")) {
		if err := unix.Statfs(filepath.Join(root, name), &fs); err != nil || fs.Type != unix.CGROUP_SUPER_MAGIC {
			continue // enabled but not mounted is of no use
		}
		cgroups.Version = 1
		cgroups.Controllers = append(cgroups.Controllers, name)
		cgroups.ReadOnly = cgroups.ReadOnly || fs.Flags&unix.ST_RDONLY != 0
	}
	return cgroups
}

// gatherListeners returns the sockets that listen on a port that c needs, with
// the processes that hold them.
func gatherListeners(c *config.Config) []Listener {
	needed := map[int]bool{}
	for _, port := range ports(c) {
		needed[port.number] = true
	}
	var sockets []listenSocket
	holders := map[string]int{}
	for _, socket := range parseTCP(readText("/proc/net/tcp") + readText("/proc/net/tcp6")) {
		if needed[int(socket.addr.Port())] {
			sockets = append(sockets, socket)
			holders[socket.inode] = 0
		}
	}
	findHolders(holders)
	var listeners []Listener
	for _, socket := range sockets {
		pid := holders[socket.inode]
		listeners = append(listeners, Listener{socket.addr, pid, strings.TrimSpace(readText("/proc/" + strconv.Itoa(pid) + "/comm"))})
	}
	return listeners
}

// findHolders fills in, for each socket's inode, a process that has it open. It
// looks through all open files of the machine once, and not at all if nothing
// is asked for, which is the usual case at a start.
func findHolders(holders map[string]int) {
	left := len(holders)
	if left == 0 {
		return
	}
	processes, _ := os.ReadDir("/proc") // without it, no holder is known
	for _, process := range processes {
		pid, err := strconv.Atoi(process.Name())
		if err != nil {
			continue
		}
		directory := "/proc/" + process.Name() + "/fd/"
		files, _ := os.ReadDir(directory) // fails for a process that has ended, or is another user's
		for _, file := range files {
			target, err := os.Readlink(directory + file.Name())
			inode, found := strings.CutPrefix(target, "socket:[")
			if err != nil || !found {
				continue
			}
			inode = strings.TrimSuffix(inode, "]")
			if holder, asked := holders[inode]; !asked || holder != 0 {
				continue
			}
			holders[inode] = pid
			if left--; left == 0 {
				return
			}
		}
	}
}

// nearest is path, or the closest one above it that exists.
func nearest(path string) string {
	for {
		if _, err := os.Stat(path); err == nil || path == filepath.Dir(path) {
			return path
		}
		path = filepath.Dir(path)
	}
}

// lookPath finds a program as root finds it, also where the user's PATH lacks
// the system's folders, as Debian's does.
func lookPath(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/local/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	return ""
}

// readText returns a file's content, or nothing: what cannot be read in /proc
// and /sys does not exist on this kernel.
func readText(path string) string {
	data, _ := os.ReadFile(path)
	return string(data)
}

func readInt(path string) int {
	n, _ := strconv.Atoi(strings.TrimSpace(readText(path)))
	return n
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
