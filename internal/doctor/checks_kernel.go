package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
)

// Bits of Host.Caps, from linux/capability.h.
const (
	capNetAdmin    = 12
	capSysAdmin    = 21
	capSysResource = 24
)

func (h *Host) has(capability int) bool { return h.Caps&(1<<capability) != 0 }

const orSimulate = "or run `bulkhead up --simulate`, which needs no containers"

func checkOS(h *Host, _ *config.Config) Result {
	if h.OS != "linux" {
		return fail("run the daemon on a Linux machine or in a Linux VM; this program manages it from there", "the daemon needs Linux, this is %s", h.OS)
	}
	return ok("Linux %s", h.Kernel)
}

func checkPrivileges(h *Host, _ *config.Config) Result {
	if h.EUID != 0 {
		return fail("use sudo, "+orSimulate, "not root (user id %d), so no containers can be made", h.EUID)
	}
	for capability, name := range map[int]string{capSysAdmin: "CAP_SYS_ADMIN", capNetAdmin: "CAP_NET_ADMIN"} {
		if !h.has(capability) {
			return fail("start this machine's container or VM as privileged, "+orSimulate, "root without %s", name)
		}
	}
	return ok("root")
}

// minKernel is what kube-proxy's nftables mode asks for
// (pkg/proxy/nftables: "nftables proxy requires kernel 5.13").
var minKernel = [2]int{5, 13}

func checkKernel(h *Host, _ *config.Config) Result {
	var major, minor int
	if n, err := fmt.Sscanf(h.Kernel, "%d.%d", &major, &minor); n != 2 {
		return warn("make sure that it is at least 5.13", "kernel version %q cannot be read: %v", h.Kernel, err)
	}
	if major < minKernel[0] || major == minKernel[0] && minor < minKernel[1] {
		return fail("boot a newer kernel (Debian 12 has 6.1), "+orSimulate,
			"Linux %s is older than %d.%d, which kube-proxy's nftables mode needs", h.Kernel, minKernel[0], minKernel[1])
	}
	return ok("Linux %s", h.Kernel)
}

func checkCgroups(h *Host, _ *config.Config) Result {
	needed := []string{"cpu", "cpuset", "memory", "pids"}
	switch h.Cgroups.Version {
	case 0:
		return fail("mount cgroup2 on /sys/fs/cgroup, "+orSimulate, "no cgroups are mounted on /sys/fs/cgroup")
	case 1:
		needed = append(needed, "cpuacct", "devices", "freezer", "blkio")
	}
	if h.Cgroups.ReadOnly {
		return fail("start this machine's container with a writable /sys/fs/cgroup (docker: --privileged --cgroupns=host), "+orSimulate,
			"cgroups v%d are mounted read-only", h.Cgroups.Version)
	}
	var missing []string
	for _, controller := range needed {
		if !slices.Contains(h.Cgroups.Controllers, controller) {
			missing = append(missing, controller)
		}
	}
	if len(missing) > 0 {
		return fail("enable them on the kernel's command line (memory: cgroup_enable=memory) and reboot, "+orSimulate,
			"cgroups v%d without %s", h.Cgroups.Version, strings.Join(missing, ", "))
	}
	if h.Cgroups.Version == 1 {
		return warn("boot with systemd.unified_cgroup_hierarchy=1 when you can", "cgroups v1: works, but Kubernetes is about to drop it")
	}
	return ok("cgroups v2 with %s", strings.Join(needed, ", "))
}

func checkOverlay(h *Host, c *config.Config) Result {
	if c.Snapshotter != "overlayfs" {
		return ok("not needed with --snapshotter %s", c.Snapshotter)
	}
	switch {
	case h.OverlayErr == nil:
		return ok("an overlay can be mounted on the data directory's file system")
	case errors.Is(h.OverlayErr, errNotTried):
		return warn("", "not tried: %v", h.OverlayErr)
	case errors.Is(h.OverlayErr, syscall.ENODEV):
		return fail("load the module with `modprobe overlay`, or set --snapshotter native", "this kernel has no overlayfs")
	}
	return fail("put --data-dir on another file system (ext4, xfs), or set --snapshotter native",
		"no overlay can be mounted on the data directory's file system: %v", h.OverlayErr)
}

func checkKmsg(h *Host, _ *config.Config) Result {
	switch {
	case h.KmsgErr == nil:
		return ok("/dev/kmsg can be read")
	case errors.Is(h.KmsgErr, errNotTried):
		return warn("", "not tried: %v", h.KmsgErr)
	case errors.Is(h.KmsgErr, fs.ErrNotExist):
		return fail("make it with `mknod /dev/kmsg c 1 11`, "+orSimulate, "there is no /dev/kmsg, from which the kubelet learns of processes killed for memory")
	}
	return fail("allow this machine's container to read it (docker: --privileged), "+orSimulate, "/dev/kmsg cannot be read: %v", h.KmsgErr)
}

func checkUserNamespaces(h *Host, _ *config.Config) Result {
	if h.MaxUserNamespaces == 0 {
		return warn("set sysctl user.max_user_namespaces=15000 if you need them", "user namespaces are off: pods with hostUsers: false will not start")
	}
	return ok("up to %d", h.MaxUserNamespaces)
}

func checkSysResource(h *Host, _ *config.Config) Result {
	if !h.has(capSysResource) {
		return warn("nothing is needed; start this machine's container or VM with it if you can",
			"no CAP_SYS_RESOURCE: works, but the kernel may choose the wrong process when memory runs out")
	}
	return ok("CAP_SYS_RESOURCE")
}

// Bounds below which pods run into the limits: the kubelet and each watching
// process take an instance, and log followers take watches.
const (
	enoughInotifyInstances = 512
	enoughInotifyWatches   = 65536
)

func checkInotify(h *Host, _ *config.Config) Result {
	const remedy = "set sysctl fs.inotify.max_user_instances=8192 fs.inotify.max_user_watches=524288 (and in /etc/sysctl.d to keep it)"
	switch {
	case h.InotifyErr != nil:
		return fail(remedy, "no inotify instance is left of %d: %v", h.MaxInotifyInstances, h.InotifyErr)
	case h.MaxInotifyInstances < enoughInotifyInstances:
		return warn(remedy, "at most %d instances for each user: many pods will run out", h.MaxInotifyInstances)
	case h.MaxInotifyWatches < enoughInotifyWatches:
		return warn(remedy, "at most %d watches for each user: many pods will run out", h.MaxInotifyWatches)
	}
	return ok("%d instances, %d watches", h.MaxInotifyInstances, h.MaxInotifyWatches)
}

func checkSwap(h *Host, _ *config.Config) Result {
	if h.SwapBytes > 0 {
		return ok("on (%s); works, pods do not use it", bytesText(h.SwapBytes))
	}
	return ok("off")
}
