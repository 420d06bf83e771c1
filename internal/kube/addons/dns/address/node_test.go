package address

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// inNetworkNamespace moves the test into a network namespace of its own, which
// goes with it.
func inNetworkNamespace(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("making a network namespace takes root")
	}
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("the package nftables is not installed")
	}
	runtime.LockOSThread() // and never unlocked: the thread ends with the test
	own, err := netns.New()
	if err != nil {
		t.Fatalf("make a network namespace: %v", err)
	}
	t.Cleanup(func() { own.Close() })
	lo, err := netlink.LinkByName("lo")
	if err == nil {
		err = netlink.LinkSetUp(lo)
	}
	if err != nil {
		t.Fatalf("bring up loopback: %v", err)
	}
}

func TestNodeHasTheAddressesUntilTheyAreRemoved(t *testing.T) {
	inNetworkNamespace(t)
	o := Options{
		Addresses: []netip.Addr{netip.MustParseAddr("10.43.0.10"), netip.MustParseAddr("fd00:43::a")},
		Clients:   []netip.Prefix{netip.MustParsePrefix("10.42.0.0/16")},
	}
	for range 2 { // the second finds all in place
		if err := Ensure(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	for _, address := range o.Addresses {
		listener, err := net.Listen("tcp", netip.AddrPortFrom(address, 53).String())
		if err != nil {
			t.Errorf("listen: %v", err)
			continue
		}
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Errorf("reach it from the node: %v", err)
		} else {
			conn.Close()
		}
		listener.Close()
	}
	for range 2 { // the second finds nothing
		if err := Remove(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := netlink.LinkByName(DefaultInterface); err == nil {
		t.Error("the interface is still there")
	}
	if output, err := exec.Command("nft", "list", "tables").CombinedOutput(); err != nil || len(output) != 0 {
		t.Errorf("tables after Remove: %s %v", output, err)
	}
}
