package hosts

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Namespace is a network namespace with one interface, whose other end is in
// the namespace of the tests.
type Namespace struct {
	// Name is the namespace's, as `ip netns` shows it.
	Name string
	// Address is the namespace's on its interface, Gateway the tests' end.
	Address, Gateway netip.Addr

	outside string   // the tests' end
	segment *Segment // nil for a namespace that is alone
}

// directory is where iproute2 keeps namespaces by name.
const directory = "/run/netns"

// Supported says why no namespace can be made here, or nil.
func Supported() error {
	if os.Geteuid() != 0 {
		return errors.New("network namespaces need root")
	}
	for _, program := range []string{"ip", "nsenter"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%s is missing; install the Debian packages iproute2 and util-linux", program)
		}
	}
	return nil
}

// New makes a namespace whose name begins with label.
func New(ctx context.Context, label string) (*Namespace, error) {
	n := &Namespace{Name: fmt.Sprintf("%s-%05x", label, rand.IntN(1<<20))}
	n.Gateway, n.Address = freePair()
	return n, n.make(ctx)
}

// Renew replaces the namespace by a new one of the same name and addresses, as
// a reboot does.
func (n *Namespace) Renew(ctx context.Context) error {
	if err := n.Close(); err != nil {
		return err
	}
	// The interface goes in the background; the address must be free.
	_ = ip(ctx, "link delete "+n.outside)
	return n.make(ctx)
}

func (n *Namespace) make(ctx context.Context) error {
	id := fmt.Sprintf("%05x", rand.IntN(1<<20))
	inside := "bt" + id + "i"
	n.outside = "bt" + id + "o"
	connect, bits := "address add "+n.Gateway.String()+"/30 dev "+n.outside, "30"
	if n.segment != nil {
		connect, bits = "link set "+n.outside+" master "+n.segment.bridge, "24"
	}
	for _, step := range []string{
		"netns add " + n.Name,
		"link add " + n.outside + " type veth peer name " + inside + " netns " + n.Name,
		connect,
		"link set " + n.outside + " up",
		"-n " + n.Name + " link set lo up",
		"-n " + n.Name + " link set " + inside + " name eth0",
		"-n " + n.Name + " address add " + n.Address.String() + "/" + bits + " dev eth0",
		"-n " + n.Name + " link set eth0 up",
		"-n " + n.Name + " route add default via " + n.Gateway.String(),
	} {
		if err := ip(ctx, step); err != nil {
			return errors.Join(fmt.Errorf("make network namespace %s: %w", n.Name, err), n.Close())
		}
	}
	return nil
}

// freePair returns the two addresses of a /30 of the range for benchmarks
// (RFC 2544) that no interface uses.
func freePair() (first, second netip.Addr) {
	base := freeRange(30).Addr()
	return base.Next(), base.Next().Next()
}

// freeRange returns a range of that size that overlaps with no interface's.
func freeRange(bits int) netip.Prefix {
	var used []netip.Prefix
	addresses, _ := net.InterfaceAddrs()
	for _, address := range addresses {
		if prefix, err := netip.ParsePrefix(address.String()); err == nil {
			used = append(used, prefix.Masked())
		}
	}
	for {
		address := netip.AddrFrom4([4]byte{198, 18 + byte(rand.IntN(2)), byte(rand.IntN(256)), byte(rand.IntN(256))})
		candidate := netip.PrefixFrom(address, bits).Masked()
		if !slices.ContainsFunc(used, candidate.Overlaps) {
			return candidate
		}
	}
}

// Path is the namespace's file.
func (n *Namespace) Path() string { return filepath.Join(directory, n.Name) }

// Command prepares a program that will run in the namespace. nsenter replaces
// itself with the program, so the process is the program's.
func (n *Namespace) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "nsenter", append([]string{"--net=" + n.Path(), "--", name}, args...)...)
}

// Do calls f in the namespace. Sockets that f opens stay in it, goroutines that
// f starts do not begin there.
func (n *Namespace) Do(f func() error) error {
	result := make(chan error, 1)
	go func() {
		// The thread is not unlocked: it ends with the goroutine, and nothing
		// else ever runs on it.
		runtime.LockOSThread()
		file, err := os.Open(n.Path())
		if err != nil {
			result <- err
			return
		}
		defer file.Close()
		if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
			result <- fmt.Errorf("enter network namespace %s: %w", n.Name, err)
			return
		}
		result <- f()
	}()
	return <-result
}

// Dial connects from inside of the namespace; address must hold no name.
func (n *Namespace) Dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	err = n.Do(func() error {
		// A single address is dialled on this goroutine's thread.
		conn, err = (&net.Dialer{FallbackDelay: -1}).DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// Listen opens a TCP listener inside of the namespace.
func (n *Namespace) Listen(address string) (listener net.Listener, err error) {
	err = n.Do(func() error {
		listener, err = net.Listen("tcp", address)
		return err
	})
	return listener, err
}

// Close removes the namespace; its interfaces go with it once no process is
// left in it.
func (n *Namespace) Close() error {
	if _, err := os.Stat(n.Path()); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return ip(context.Background(), "netns delete "+n.Name)
}

func ip(ctx context.Context, command string) error {
	said, err := exec.CommandContext(ctx, "ip", strings.Fields(command)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", command, err, strings.TrimSpace(string(said)))
	}
	return nil
}
