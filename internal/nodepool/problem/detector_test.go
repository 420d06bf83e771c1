package problem

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

var t0 = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

func TestLinesBecomeEventsAndConditions(t *testing.T) {
	const hung = "INFO: task node:4711 blocked for more than 120 seconds."
	for name, c := range map[string]struct {
		line      string
		times     int
		finding   string
		condition string
	}{
		"a hung runtime":          {"INFO: task containerd-shim:77 blocked for more than 120 seconds.", 1, "RuntimeTaskHung", v1alpha1.NodeKernelDeadlock},
		"a hung task":             {hung, 1, "TaskHung", ""},
		"many hung tasks":         {hung, 5, "TaskHung", v1alpha1.NodeKernelDeadlock},
		"a soft lockup":           {"watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [node:7]", 1, "SoftLockup", ""},
		"a file system":           {"EXT4-fs (sda1): Remounting filesystem read-only", 1, "FilesystemIsReadOnly", v1alpha1.NodeReadonlyFilesystem},
		"an oops":                 {"BUG: unable to handle page fault for address: 00000", 1, "KernelOops", ""},
		"a device":                {"unregister_netdevice: waiting for eth0 to become free. Usage count = 1", 1, "UnregisterNetDevice", ""},
		"a disk":                  {"blk_update_request: I/O error, dev sda, sector 1", 1, "IOError", ""},
		"nothing":                 {"eth0: link up", 1, "", ""},
		"a process that is named": {"audit: task=containerd was fine", 1, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := NewDetector()
			found := ""
			for i := range c.times {
				if f := d.Line(t0.Add(time.Duration(i)*time.Second), c.line); f != nil {
					found += f.Reason
				}
			}
			if found != c.finding {
				t.Errorf("found %q, want %q once", found, c.finding)
			}
			bad := ""
			for _, k := range d.Conditions(t0.Add(time.Minute)) {
				if k.Bad {
					bad += k.Type
				}
			}
			if bad != c.condition {
				t.Errorf("conditions %q, want %q", bad, c.condition)
			}
		})
	}
}

func bad(d *Detector, kind string, at time.Time) bool {
	for _, c := range d.Conditions(at) {
		if c.Type == kind {
			return c.Bad
		}
	}
	return false
}

func TestADeadlockPassesAndAReadOnlyFileSystemDoesNot(t *testing.T) {
	d := NewDetector()
	d.Line(t0, "INFO: task kubelet:1 blocked for more than 120 seconds.")
	d.Line(t0, "Remounting filesystem read-only")
	d.Line(t0.Add(8*time.Minute), "INFO: task kubelet:1 blocked for more than 241 seconds.")
	if at := t0.Add(17 * time.Minute); !bad(d, v1alpha1.NodeKernelDeadlock, at) || !bad(d, v1alpha1.NodeReadonlyFilesystem, at) {
		t.Error("it hung 9 minutes ago")
	}
	for _, c := range d.Conditions(t0.Add(17 * time.Minute)) {
		if c.Type == v1alpha1.NodeKernelDeadlock && !c.Since.Equal(t0) {
			t.Errorf("since %v, not since it began", c.Since)
		}
	}
	if at := t0.Add(19 * time.Minute); bad(d, v1alpha1.NodeKernelDeadlock, at) || !bad(d, v1alpha1.NodeReadonlyFilesystem, at) {
		t.Error("after 11 minutes of quiet, only the file system is bad")
	}
}

func TestHungTasksOfLongAgoDoNotCount(t *testing.T) {
	d := NewDetector()
	for i := range 8 {
		d.Line(t0.Add(time.Duration(i)*5*time.Minute), fmt.Sprintf("INFO: task sh:%d blocked for more than 120 seconds.", i))
	}
	if bad(d, v1alpha1.NodeKernelDeadlock, t0.Add(36*time.Minute)) {
		t.Error("one in five minutes is no deadlock")
	}
}

func TestTheRuntimeMustFailThreeTimes(t *testing.T) {
	d := NewDetector()
	fail := errors.New("no answer")
	for i, c := range []struct {
		err error
		bad bool
	}{{fail, false}, {fail, false}, {nil, false}, {fail, false}, {fail, false}, {fail, true}, {fail, true}, {nil, false}} {
		at := t0.Add(time.Duration(i) * 10 * time.Second)
		d.Probe(at, c.err)
		if bad(d, v1alpha1.NodeContainerRuntimeUnhealthy, at) != c.bad {
			t.Errorf("probe %d: bad is %t", i, !c.bad)
		}
	}
}

func FuzzLine(f *testing.F) {
	f.Add("INFO: task containerd:1 blocked for more than 120 seconds.")
	f.Fuzz(func(t *testing.T, text string) {
		d := NewDetector()
		if x := d.Line(t0, text); x != nil && (x.Reason == "" || len(x.Message) > maxText) {
			t.Errorf("%+v", x)
		}
	})
}
