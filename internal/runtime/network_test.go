package runtime_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	goruntime "runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/runtime/reset"
)

// Pods reach each other, the node and the outside, and are reached through a
// port of the node.
func TestPodNetwork(t *testing.T) {
	node := newNode(t)
	node.options.PodCIDR = "" // it is known later, as in a cluster that has it already
	running := node.run(t)
	if err := running.WriteCNIConfig(podCIDR); err != nil {
		t.Fatal(err)
	}
	eventually(t, "containerd takes up the network", func() error {
		status, err := node.client(t).Status(t.Context(), &cri.StatusRequest{})
		if err != nil {
			return err
		}
		for _, condition := range status.Status.Conditions {
			if condition.Type == cri.NetworkReady && !condition.Status {
				return errors.New(condition.Message)
			}
		}
		return nil
	})
	if _, err := running.ImportImages(t.Context(), guestArchive(t, "guest:1")); err != nil {
		t.Fatal(err)
	}
	one := node.runPod(t, "one")
	two := node.runPod(t, "two", &cri.PortMapping{Protocol: cri.Protocol_TCP, ContainerPort: 8080, HostPort: 18080})
	if one.address == two.address {
		t.Fatalf("two pods have the address %s", one.address)
	}
	dial := func(address string) string { return node.exec(t, one.container, "/guest", "dial", address) }

	if said := dial(netip.AddrPortFrom(two.address, 8080).String()); said != one.address.String() {
		t.Errorf("a pod is called by %s, want the other's own address %s", said, one.address)
	}
	gateway := netip.MustParsePrefix(podCIDR).Addr().Next().String()
	if said := dial(net.JoinHostPort(gateway, answering(t, net.Listen))); said != one.address.String() {
		t.Errorf("the node is called by %s, want the pod's own address %s", said, one.address)
	}

	nodeAddress, outside := addresses(t)
	if said := dial(net.JoinHostPort(outside, answering(t, listenOutside))); said != nodeAddress {
		t.Errorf("the outside is called by %s, want the node's address %s", said, nodeAddress)
	}
	for _, address := range []string{nodeAddress, "127.0.0.1"} {
		if said, err := ask(net.JoinHostPort(address, "18080")); err != nil || !strings.Contains(said, ".") {
			t.Errorf("the pod's port on the node at %s says %q, %v", address, said, err)
		}
	}
	mtu, err := exec.Command("nsenter", "--net=/proc/"+one.pid+"/ns/net", "ip", "link", "show", "eth0").Output()
	if err != nil || !strings.Contains(string(mtu), "mtu 1500") {
		t.Errorf("the pod's interface: %s, %v; want the MTU of the default route's interface", mtu, err)
	}
	running.stop(t)
	node.reset(t)
}

// Where somebody else drops what is forwarded, as Docker does, pods' traffic
// passes, and a reset leaves somebody else's rules as they were.
func TestPodsPassADroppingFirewall(t *testing.T) {
	node := newNode(t)
	if _, err := exec.LookPath("iptables"); err != nil {
		t.Skipf("a firewall of iptables: %v", err)
	}
	sh := func(script string) string {
		t.Helper()
		output, err := exec.Command("sh", "-c", script).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", script, err, output)
		}
		return string(output)
	}
	sh("iptables -P FORWARD DROP && iptables -N THEIRS && iptables -A FORWARD -i docker0 -j THEIRS")
	defer sh("iptables -P FORWARD ACCEPT && iptables -F && iptables -X; nft delete table ip filter || true")
	before := sh("iptables -S")

	running := node.run(t)
	if _, err := running.ImportImages(t.Context(), guestArchive(t, "guest:1")); err != nil {
		t.Fatal(err)
	}
	pod := node.runPod(t, "one")
	nodeAddress, outside := addresses(t)
	said := node.exec(t, pod.container, "/guest", "dial", net.JoinHostPort(outside, answering(t, listenOutside)))
	if said != nodeAddress {
		t.Errorf("the outside is called by %q, want the node's address %s", said, nodeAddress)
	}
	running.stop(t)
	plan, err := reset.Find(t.Context(), node.target())
	var items []reset.Item
	if err == nil {
		items = plan.Items
		err = plan.Apply(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	if after := sh("iptables -S"); after != before {
		t.Errorf("rules after the reset:\n%s\nbefore the start:\n%s\nthe plan was %v", after, before, items)
	}
}

// answering starts a listener that tells who calls who they are, and returns its
// port.
func answering(t *testing.T, listen func(network, address string) (net.Listener, error)) string {
	t.Helper()
	listener, err := listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(connection, connection.RemoteAddr().(*net.TCPAddr).IP)
			connection.Close()
		}
	}()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}

// listenOutside listens in the network namespace around that of the tests.
func listenOutside(network, address string) (net.Listener, error) {
	type result struct {
		listener net.Listener
		err      error
	}
	results := make(chan result)
	go func() {
		goruntime.LockOSThread() // for good: the thread ends with this goroutine
		around, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", os.Getppid()))
		if err == nil {
			err = unix.Setns(int(around.Fd()), unix.CLONE_NEWNET)
			around.Close()
		}
		if err != nil {
			results <- result{err: err}
			return
		}
		listener, err := net.Listen(network, address)
		results <- result{listener, err}
	}()
	got := <-results
	return got.listener, got.err
}

// addresses returns the node's address and that of the machine around it.
func addresses(t *testing.T) (node, outside string) {
	t.Helper()
	output, err := exec.Command("ip", "-4", "route", "get", "1.1.1.1").Output()
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(output))
	for i := range fields[:len(fields)-1] {
		switch fields[i] {
		case "src":
			node = fields[i+1]
		case "via":
			outside = fields[i+1]
		}
	}
	if node == "" || outside == "" {
		t.Fatalf("no default route: %s", output)
	}
	return node, outside
}

func ask(address string) (string, error) {
	connection, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return "", err
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return "", err
	}
	said, err := io.ReadAll(connection)
	return string(said), err
}
