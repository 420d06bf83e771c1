package localnode

import (
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// apart puts the test into a network namespace of its own.
func apart(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("nft is not installed")
	}
	runtime.LockOSThread() // for good: the thread ends with the test
	space, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	space.Close()
}

// Nodes that come and go change nothing for those that stay. A bridge once took the
// hardware address of each new lowest port, and the nodes' ways out were lost for
// half a minute when one was replaced.
func TestBridgeStaysWhatItIs(t *testing.T) {
	apart(t)
	server := t.TempDir()
	n := Network{"bh-test-pool", netip.MustParsePrefix("198.18.7.0/24")}
	if err := n.Ensure(t.Context(), server); err != nil {
		t.Fatal(err)
	}
	hardwareOf := func() string {
		link, err := netlink.LinkByName(n.Bridge)
		if err != nil {
			t.Fatal(err)
		}
		return link.Attrs().HardwareAddr.String()
	}
	before := hardwareOf()
	taken := map[netip.Addr]bool{}
	var places []Place
	for _, name := range []string{"a", "b", "c"} {
		p := Place{server, name}
		t.Cleanup(func() { _ = p.Disconnect() })
		a, err := n.Free(taken)
		if err != nil {
			t.Fatal(err)
		}
		taken[a] = true
		if err := n.Ensure(t.Context(), server); err != nil {
			t.Fatal(err)
		}
		if err := p.Connect(n, a); err != nil {
			t.Fatal(err)
		}
		if !p.Connected() {
			t.Errorf("node %s is not connected", name)
		}
		var said []byte
		err = p.inside(func() (err error) {
			said, err = exec.Command("ip", "-o", "route", "get", "192.0.2.1").CombinedOutput()
			return err
		})
		if err != nil || !strings.Contains(string(said), "via 198.18.7.1 ") || !strings.Contains(string(said), "src "+a.String()) {
			t.Errorf("the way out of %s: %s, %v", name, said, err)
		}
		places = append(places, p)
	}
	for _, p := range places {
		if err := p.Disconnect(); err != nil {
			t.Error(err)
		}
		if p.Connected() {
			t.Errorf("%s is left", p.NamespaceFile())
		}
		if err := p.Disconnect(); err != nil {
			t.Errorf("what is gone already: %v", err)
		}
		if now := hardwareOf(); now != before {
			t.Errorf("the bridge's address is %s, was %s", now, before)
		}
	}
	if err := RemoveBridges(t.Context(), server); err != nil {
		t.Error(err)
	}
	links, err := netlink.LinkList()
	if err != nil || len(links) != 1 {
		t.Errorf("beside lo there are %d interfaces, %v", len(links)-1, err)
	}
	if said, err := exec.Command("nft", "list", "tables").Output(); err != nil || strings.Contains(string(said), "bulkhead") {
		t.Errorf("tables are left: %s, %v", said, err)
	}
}

// What somebody else has is not touched.
func TestBridgeOfSomebodyElse(t *testing.T) {
	apart(t)
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "theirs"
	if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attrs}); err != nil {
		t.Fatal(err)
	}
	theirs := Network{"theirs", netip.MustParsePrefix("198.18.7.0/24")}
	if err := theirs.Ensure(t.Context(), "/data"); err == nil || !strings.Contains(err.Error(), "not this cluster's") {
		t.Errorf("their bridge: %v", err)
	}
	if err := RemoveBridges(t.Context(), "/data"); err != nil {
		t.Error(err)
	}
	if _, err := netlink.LinkByName("theirs"); err != nil {
		t.Errorf("their bridge is gone: %v", err)
	}
	ours := Network{"bh-test-pool", theirs.Prefix}
	if err := ours.Ensure(t.Context(), "/data"); err != nil {
		t.Fatal(err)
	}
	other := Network{"bh-test-pool", netip.MustParsePrefix("198.18.9.0/24")}
	if err := other.Ensure(t.Context(), "/data"); err == nil || !strings.Contains(err.Error(), "bridges of their own") {
		t.Errorf("a second range on one bridge: %v", err)
	}
	overlapping := Network{"bh-test-two", netip.MustParsePrefix("198.18.0.0/16")}
	if err := overlapping.Ensure(t.Context(), "/data"); err == nil || !strings.Contains(err.Error(), "198.18.7.1/24") {
		t.Errorf("a range in use: %v", err)
	}
}
