package problem

import (
	"regexp"
	"time"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

// pattern is a line of the kernel's log that tells of a problem.
type pattern struct {
	reason string
	match  *regexp.Regexp
	// condition becomes True once the line came times within: with 1, at once. Empty
	// makes an Event only.
	condition string
	times     int
	within    time.Duration
	// lasts is how long after the last line the condition stays; 0: until the
	// machine starts again, since the kernel does not get over it.
	lasts time.Duration
}

// patterns are tried in order; the first that matches counts.
func patterns() []pattern {
	return []pattern{
		{reason: "RuntimeTaskHung", match: regexp.MustCompile(`task (?:containerd\S*|runc\S*|kubelet|bulkheadd\S*):\d+ blocked for more than \d+ seconds`),
			condition: v1alpha1.NodeKernelDeadlock, times: 1, lasts: 10 * time.Minute},
		{reason: "TaskHung", match: regexp.MustCompile(`task \S+:\d+ blocked for more than \d+ seconds`), condition: v1alpha1.NodeKernelDeadlock, times: 5, within: 10 * time.Minute, lasts: 10 * time.Minute},
		{reason: "SoftLockup", match: regexp.MustCompile(`BUG: soft lockup - CPU#\d+ stuck for`), condition: v1alpha1.NodeKernelDeadlock, times: 3, within: 5 * time.Minute, lasts: 10 * time.Minute},
		{reason: "RCUStall", match: regexp.MustCompile(`rcu: INFO: rcu_\w+ (?:self-)?detected stall`), condition: v1alpha1.NodeKernelDeadlock, times: 3, within: 5 * time.Minute, lasts: 10 * time.Minute},
		{reason: "FilesystemIsReadOnly", match: regexp.MustCompile(`Remounting filesystem read-only`), condition: v1alpha1.NodeReadonlyFilesystem, times: 1},
		{reason: "KernelOops", match: regexp.MustCompile(`BUG: (?:unable to handle|kernel NULL pointer dereference)|general protection fault|Oops: \d+`)},
		{reason: "UnregisterNetDevice", match: regexp.MustCompile(`unregister_netdevice: waiting for \S+ to become free`)},
		{reason: "FilesystemError", match: regexp.MustCompile(`EXT4-fs error|XFS \(\S+\): (?:Corruption|Internal error)`)},
		{reason: "IOError", match: regexp.MustCompile(`(?:Buffer )?I/O error(?:,| on)`)},
		{reason: "MemoryError", match: regexp.MustCompile(`(?:CE|UE) memory (?:read|scrubbing) error|Hardware Error.*memory`)},
	}
}
