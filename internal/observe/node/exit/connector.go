package exit

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// From linux/connector.h and linux/cn_proc.h.
const (
	connectorProc   = 1
	listen          = 1
	eventExec       = 0x2
	eventExit       = 0x80000000
	atEvent         = unix.NLMSG_HDRLEN + 20 // after the header and struct cn_msg
	atData          = atEvent + 16
	connectorBuffer = 1 << 20

	// known is of how many processes the cgroup is kept.
	known = 8192
)

// Connector watches by netlink's process connector.
type Connector struct {
	socket  *os.File
	started map[int]process
	// inspect tells of a living process; tests replace it.
	inspect func(pid int) process
}

// process is what is known of a process from its start.
type process struct {
	cgroups []string
	command string
	main    bool
}

// OpenConnector subscribes. It fails without CAP_NET_ADMIN and outside of the
// machine's first network and PID namespaces.
func OpenConnector() (*Connector, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_CONNECTOR)
	if err != nil {
		return nil, fmt.Errorf("open the process connector: %w", err)
	}
	c := &Connector{socket: os.NewFile(uintptr(fd), "process connector"), started: map[int]process{}, inspect: inspect}
	if err := c.subscribe(fd); err != nil {
		c.Close()
		return nil, fmt.Errorf("open the process connector: %w", err)
	}
	return c, nil
}

func (c *Connector) subscribe(fd int) error {
	// Without rights to more, the default stays.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, connectorBuffer)
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: connectorProc}); err != nil {
		return err
	}
	message := make([]byte, atEvent+4)
	binary.NativeEndian.PutUint32(message, uint32(len(message)))
	binary.NativeEndian.PutUint16(message[4:], unix.NLMSG_DONE)
	binary.NativeEndian.PutUint32(message[16:], connectorProc)
	binary.NativeEndian.PutUint32(message[20:], connectorProc)
	binary.NativeEndian.PutUint16(message[32:], 4)
	binary.NativeEndian.PutUint32(message[atEvent:], listen)
	return unix.Sendto(fd, message, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
}

// Name is the mechanism's.
func (*Connector) Name() string { return "process connector" }

// Close ends the subscription.
func (c *Connector) Close() { c.socket.Close() }

// Run reads events until ctx ends.
func (c *Connector) Run(ctx context.Context, f func(Event), lost func(uint64)) error {
	defer context.AfterFunc(ctx, func() { _ = c.socket.SetReadDeadline(time.Now()) })()
	buffer := make([]byte, 4096)
	for {
		n, err := c.socket.Read(buffer)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, unix.ENOBUFS): // more came than was read
			lost(1)
			continue
		case err != nil:
			return fmt.Errorf("read from the process connector: %w", err)
		}
		if e, ok := c.take(buffer[:n]); ok {
			f(e)
		}
	}
}

// take reads one message: it notes a start, and gives an end by a signal.
func (c *Connector) take(message []byte) (Event, bool) {
	if len(message) < atData+8 {
		return Event{}, false
	}
	word := func(at int) uint32 { return binary.NativeEndian.Uint32(message[at:]) }
	thread, pid := int(word(atData)), int(word(atData+4))
	switch word(atEvent) {
	case eventExec:
		if len(c.started) >= known {
			clear(c.started) // ends of processes were missed; those that live on are asked for at their end
		}
		c.started[pid] = c.inspect(pid)
	case eventExit:
		if thread != pid || len(message) < atData+12 {
			return Event{}, false
		}
		p, ok := c.started[pid]
		delete(c.started, pid)
		code := word(atData + 8)
		if code&0x7f == 0 {
			return Event{}, false
		}
		if !ok {
			p = c.inspect(pid)
		}
		return Event{Time: time.Now(), PID: pid, Signal: int(code & 0x7f), CoreDumped: code&0x80 != 0,
			Command: p.command, Main: p.main, Cgroups: p.cgroups}, true
	}
	return Event{}, false
}

// inspect reads /proc. What is gone already is not known.
func inspect(pid int) process {
	dir := "/proc/" + strconv.Itoa(pid)
	var p process
	if groups, err := os.ReadFile(dir + "/cgroup"); err == nil {
		p.cgroups = names(string(groups))
	}
	if comm, err := os.ReadFile(dir + "/comm"); err == nil {
		p.command = strings.TrimSpace(string(comm))
	}
	if status, err := os.ReadFile(dir + "/status"); err == nil {
		for line := range strings.Lines(string(status)) {
			if ids, ok := strings.CutPrefix(line, "NSpid:"); ok {
				f := strings.Fields(ids)
				p.main = len(f) > 1 && f[len(f)-1] == "1"
			}
		}
	}
	return p
}

// names are those of the deepest cgroup of /proc/<pid>/cgroup, innermost first:
// in version 1 a process has one in each hierarchy, some of them the root.
func names(proc string) []string {
	var deepest string
	for line := range strings.Lines(proc) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) == 3 && strings.Count(parts[2], "/") > strings.Count(deepest, "/") || deepest == "" && len(parts) == 3 {
			deepest = parts[2]
		}
	}
	var innermost []string
	for p := deepest; len(p) > 1; p = path.Dir(p) {
		innermost = append(innermost, path.Base(p))
	}
	return innermost
}
