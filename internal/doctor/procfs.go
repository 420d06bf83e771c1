package doctor

import (
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"
)

// socketState of a listening TCP socket in /proc/net/tcp (include/net/tcp_states.h).
const stateListen = "0A"

// listenSocket is one line of /proc/net/tcp.
type listenSocket struct {
	addr  netip.AddrPort
	inode string
}

// parseTCP returns the listening sockets in the text of /proc/net/tcp or tcp6.
// Lines that it does not understand are left out.
func parseTCP(text string) []listenSocket {
	var sockets []listenSocket
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 10 || fields[3] != stateListen {
			continue
		}
		address, port, found := strings.Cut(fields[1], ":")
		number, err := strconv.ParseUint(port, 16, 16)
		addr, ok := parseHexAddr(address)
		if !found || err != nil || !ok {
			continue
		}
		sockets = append(sockets, listenSocket{netip.AddrPortFrom(addr, uint16(number)), fields[9]})
	}
	return sockets
}

// parseHexAddr reads an address as the kernel prints it: words of four bytes,
// each in the machine's order, which is little-endian on all that we build for.
func parseHexAddr(text string) (netip.Addr, bool) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw)%4 != 0 {
		return netip.Addr{}, false
	}
	for word := 0; word < len(raw); word += 4 {
		raw[word], raw[word+1], raw[word+2], raw[word+3] = raw[word+3], raw[word+2], raw[word+1], raw[word]
	}
	addr, ok := netip.AddrFromSlice(raw)
	return addr.Unmap(), ok
}

// parseRoutes returns the routes in the text of /proc/net/route.
func parseRoutes(text string) []Route {
	var routes []Route
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 8 {
			continue
		}
		dest, ok := parseHexAddr(fields[1])
		mask, maskOK := parseHexAddr(fields[7])
		if !ok || !maskOK || !dest.Is4() || !mask.Is4() {
			continue
		}
		bits := 0
		for _, b := range mask.As4() {
			for ; b&0x80 != 0; b <<= 1 {
				bits++
			}
		}
		routes = append(routes, Route{Interface: fields[0], Dest: netip.PrefixFrom(dest, bits)})
	}
	return routes
}

// parseSwap returns the bytes of swap in the text of /proc/swaps.
func parseSwap(text string) int64 {
	var sum int64
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		if kib, err := strconv.ParseInt(fields[2], 10, 64); err == nil {
			sum += kib << 10
		}
	}
	return sum
}

// parseNameServers returns the name servers in the text of a resolv.conf.
func parseNameServers(text string) []string {
	var servers []string
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "nameserver" {
			servers = append(servers, fields[1])
		}
	}
	return servers
}

// lockedFile is a file as /proc/locks tells it from others.
type lockedFile struct {
	major, minor uint32
	inode        uint64
	// holder is the process that is written in it.
	holder int
}

// parseLockHolder returns the process that holds the lock on a file in the text of
// /proc/locks, and whether there is a lock at all. The process is 0 where the kernel
// does not tell, as for one of another PID namespace.
func parseLockHolder(text string, f lockedFile) (pid int, locked bool) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 6 || fields[1] == "->" { // "->": waits for it
			continue
		}
		place := strings.Split(fields[5], ":") // major:minor:inode
		if len(place) != 3 || place[2] != strconv.FormatUint(f.inode, 10) {
			continue
		}
		pid, _ := strconv.Atoi(fields[4])
		if f.on(place[0], place[1]) || f.major == 0 && (pid <= 0 || pid == f.holder) {
			return max(pid, 0), true
		}
	}
	return 0, false
}

// on says whether the file is on this device. Without a disk of its own below it, as
// on btrfs and overlayfs, stat(2) may give another number than the kernel has here.
func (f lockedFile) on(major, minor string) bool {
	m, err1 := strconv.ParseUint(major, 16, 32)
	n, err2 := strconv.ParseUint(minor, 16, 32)
	return err1 == nil && err2 == nil && uint32(m) == f.major && uint32(n) == f.minor
}

// parseCapabilities returns the effective set in the text of /proc/self/status.
func parseCapabilities(text string) uint64 {
	for line := range strings.Lines(text) {
		if value, found := strings.CutPrefix(line, "CapEff:"); found {
			caps, _ := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
			return caps
		}
	}
	return 0
}

// parseCgroupsV1 returns the enabled controllers in the text of /proc/cgroups.
func parseCgroupsV1(text string) []string {
	var names []string
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 4 && fields[0] != "#subsys_name" && fields[3] == "1" {
			names = append(names, fields[0])
		}
	}
	return names
}
