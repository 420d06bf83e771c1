package doctor

import (
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// A probe that ran on the main thread used to leave it in the probe's
// namespaces, and with it what the process sees in /proc/self: the kubelet then
// took its shared mounts for private ones and mounted its directory over itself.
func TestProbesLeaveTheProcessInItsNamespaces(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("namespaces need root")
	}
	before := namespaces(t)
	var probes sync.WaitGroup
	for range 200 {
		probes.Go(func() {
			if err := apart(unix.CLONE_NEWNS|unix.CLONE_NEWNET, func() error { return nil }); err != nil {
				t.Errorf("apart: %v", err)
			}
		})
	}
	probes.Wait()
	if after := namespaces(t); after != before {
		t.Errorf("the process was in %v and is in %v", before, after)
	}
}

// namespaces are those of the main thread.
func namespaces(t *testing.T) (links [2]string) {
	t.Helper()
	for i, name := range []string{"mnt", "net"} {
		link, err := os.Readlink("/proc/self/ns/" + name)
		if err != nil {
			t.Fatal(err)
		}
		links[i] = link
	}
	return links
}
