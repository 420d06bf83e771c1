package hosts

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Socket is a listening TCP or an unconnected UDP socket.
type Socket struct {
	// Protocol is tcp or udp, for both families.
	Protocol string
	Local    netip.AddrPort
}

func (s Socket) String() string { return s.Protocol + " " + s.Local.String() }

// Wildcard says that the socket takes what comes in on any address.
func (s Socket) Wildcard() bool { return s.Local.Addr().IsUnspecified() }

// Listening returns what is listened on in the namespace.
func (n *Namespace) Listening() (sockets []Socket, err error) {
	err = n.Do(func() error {
		for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
			data, err := os.ReadFile("/proc/thread-self/net/" + table)
			if err != nil {
				return err
			}
			found, err := parseSockets(strings.TrimSuffix(table, "6"), string(data))
			if err != nil {
				return fmt.Errorf("/proc/net/%s: %w", table, err)
			}
			sockets = append(sockets, found...)
		}
		return nil
	})
	slices.SortFunc(sockets, func(a, b Socket) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(sockets), err
}

// States of proc_net_tcp(5): listening, and a UDP socket without a peer.
const (
	stateListen = "0A"
	stateClose  = "07"
)

func parseSockets(protocol, table string) ([]Socket, error) {
	var sockets []Socket
	lines := bufio.NewScanner(strings.NewReader(table))
	lines.Scan() // the heading
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 {
			return nil, fmt.Errorf("line %q has too few fields", lines.Text())
		}
		if want := map[string]string{"tcp": stateListen, "udp": stateClose}[protocol]; fields[3] != want {
			continue
		}
		local, err := parseAddress(fields[1])
		if err != nil {
			return nil, err
		}
		sockets = append(sockets, Socket{Protocol: protocol, Local: local})
	}
	return sockets, lines.Err()
}

// parseAddress reads an address as the kernel prints it: words of four bytes,
// each in the machine's (little endian) order, then the port.
func parseAddress(text string) (netip.AddrPort, error) {
	host, port, ok := strings.Cut(text, ":")
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("address %q has no port", text)
	}
	raw, err := hex.DecodeString(host)
	if err != nil || (len(raw) != 4 && len(raw) != 16) {
		return netip.AddrPort{}, fmt.Errorf("address %q: want 4 or 16 bytes", text)
	}
	for word := range slices.Chunk(raw, 4) {
		slices.Reverse(word)
	}
	number, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("port of %q: %w", text, err)
	}
	addr, _ := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(addr.Unmap(), uint16(number)), nil
}
