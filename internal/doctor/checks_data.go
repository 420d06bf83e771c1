package doctor

import (
	"fmt"
	"strings"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
)

func checkLock(h *Host, c *config.Config) Result {
	switch {
	case h.Data.LockedBy != 0 && !h.Starting:
		return ok("the daemon (process %d) runs on %s", h.Data.LockedBy, c.DataDir)
	case h.Data.LockedBy != 0:
		return fail("stop it with `bulkhead down`, or give this one another --data-dir", "a daemon (process %d) already runs on %s", h.Data.LockedBy, c.DataDir)
	}
	return ok("no daemon runs on %s", c.DataDir)
}

func checkDataDir(h *Host, c *config.Config) Result {
	if h.Data.WriteErr != nil {
		return fail("make it writable for this user, or choose another --data-dir", "nothing can be written below %s: %v", c.DataDir, h.Data.WriteErr)
	}
	if !h.Data.Exists {
		return ok("%s does not exist yet and can be made", c.DataDir)
	}
	return ok("%s is writable", c.DataDir)
}

func checkFormat(h *Host, c *config.Config) Result {
	switch format := h.Data.Format; {
	case h.Data.FormatErr != nil:
		return fail("restore the file from a backup, or start afresh with `bulkhead reset`", "%v", h.Data.FormatErr)
	case format == nil:
		return ok("%s is new", c.DataDir)
	case format.Format > CurrentFormat:
		return fail(fmt.Sprintf("run Bulkhead %s or newer, or choose another --data-dir", format.Bulkhead),
			"%s was written by Bulkhead %s in format %d; this version knows up to %d", c.DataDir, format.Bulkhead, format.Format, CurrentFormat)
	default:
		return ok("%d, last written by Bulkhead %s with Kubernetes %s", format.Format, format.Bulkhead, format.Kubernetes)
	}
}

const (
	mib = int64(1) << 20
	gib = int64(1) << 30
	// Below this, etcd cannot even make its first files (a WAL segment is
	// preallocated with 64 MB, and there are two instances).
	minFreeBytes      = 256 * mib
	minSimulatedBytes = 160 * mib
	// The kubelet evicts pods when less than 10 % of the disk or 5 % of its
	// inodes is free (upstream's default hard eviction thresholds).
	evictionShare      = 0.10
	evictionInodeShare = 0.05
	minFreeInodes      = 1000
)

func checkDiskSpace(h *Host, c *config.Config) Result {
	free, total := h.Data.FreeBytes, h.Data.TotalBytes
	needed := minFreeBytes
	if c.Simulate {
		needed = minSimulatedBytes
	}
	remedy := "free some, or put --data-dir on another disk"
	switch {
	case total == 0:
		return ok("not known")
	case free < needed:
		return fail(remedy, "%s left for %s, at least %s is needed", bytesText(free), c.DataDir, bytesText(needed))
	case h.Data.TotalInodes > 0 && h.Data.FreeInodes < minFreeInodes:
		return fail(remedy, "%d inodes left for %s, at least %d are needed", h.Data.FreeInodes, c.DataDir, minFreeInodes)
	case c.Simulate:
	case float64(free) < evictionShare*float64(total):
		return warn(remedy, "%s of %s left (%.0f %%): the kubelet evicts pods below 10 %%", bytesText(free), bytesText(total), 100*float64(free)/float64(total))
	case h.Data.TotalInodes > 0 && float64(h.Data.FreeInodes) < evictionInodeShare*float64(h.Data.TotalInodes):
		return warn(remedy, "%d inodes of %d left: the kubelet evicts pods below 5 %%", h.Data.FreeInodes, h.Data.TotalInodes)
	}
	return ok("%s of %s left", bytesText(free), bytesText(total))
}

func checkModes(h *Host, _ *config.Config) Result {
	if len(h.Data.Exposed) == 0 {
		return ok("secret files are for their owner alone")
	}
	var paths []string
	for _, file := range h.Data.Exposed {
		paths = append(paths, fmt.Sprintf("%s (%04o)", file.Path, file.Mode.Perm()))
	}
	return warn("chmod go= "+h.Data.Exposed[0].Path, "others may read %s", strings.Join(paths, ", "))
}

// clockSlack is how far clocks may disagree before we call it a jump.
const clockSlack = 5 * time.Minute

func checkClock(h *Host, c *config.Config) Result {
	const remedy = "set the clock (`timedatectl set-ntp true`, or `date -s`)"
	now := h.Now.UTC().Format(time.RFC3339)
	early := func(t time.Time) bool { return !t.IsZero() && h.Now.Add(clockSlack).Before(t) }
	switch {
	case early(h.BuildTime):
		return fail(remedy, "it is %s here, before this program was built (%s)", now, h.BuildTime.UTC().Format(time.RFC3339))
	case early(h.Data.CertNotBefore):
		return fail(remedy, "it is %s here, before the cluster's certificates become valid (%s)", now, h.Data.CertNotBefore.UTC().Format(time.RFC3339))
	case !h.Data.CertNotAfter.IsZero() && h.Now.After(h.Data.CertNotAfter):
		return fail(remedy+"; if it is right, the cluster has to be made anew: `bulkhead reset`",
			"it is %s here, after the cluster's authorities have expired (%s)", now, h.Data.CertNotAfter.UTC().Format(time.RFC3339))
	case early(h.Data.LastWrite):
		return warn(remedy, "it is %s here, but %s was last written at %s: the clock went back", now, c.DataDir, h.Data.LastWrite.UTC().Format(time.RFC3339))
	}
	return ok("%s", now)
}

// bytesText is a size for people: 1.5 GiB.
func bytesText(n int64) string {
	if n >= gib {
		return fmt.Sprintf("%.1f GiB", float64(n)/float64(gib))
	}
	return fmt.Sprintf("%d MiB", n/mib)
}
