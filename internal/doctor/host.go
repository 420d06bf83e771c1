package doctor

import (
	"io/fs"
	"net/netip"
	"time"
)

// Host is what the checks look at: the state of one machine, read once.
type Host struct {
	// Starting says that a daemon is about to start, so that none may run.
	Starting bool
	OS       string // runtime.GOOS
	EUID     int
	Caps     uint64 // effective capabilities, as in /proc/self/status
	Kernel   string // as uname -r
	Hostname string
	// HostnameErr is why the host name does not resolve; nil if it does.
	HostnameErr error

	Cgroups Cgroups
	// The following are what came of trying the thing: nil if it works.
	OverlayErr error
	LinksErr   error // a veth pair and a bridge, in a namespace of their own
	NFTErr     error // a table, in the same namespace
	IptErr     error // listing the nat table, in the same namespace
	KmsgErr    error // opening /dev/kmsg
	InotifyErr error // one more inotify instance

	NFT, Iptables, Mount, Conntrack Program
	ConntrackMax                    int // 0: the kernel does not track connections (yet)

	MaxUserNamespaces   int
	MaxInotifyInstances int
	MaxInotifyWatches   int
	SwapBytes           int64

	Data DataDir

	Listeners []Listener
	Now       time.Time
	// BuildTime is when this program was built; zero if not known.
	BuildTime time.Time
	Routes    []Route
	// NameServers are those of --resolv-conf; ResolvConfErr is why it could
	// not be read.
	NameServers   []string
	ResolvConfErr error
}

// Program is a program that something else runs.
type Program struct {
	Path    string // empty: not found
	Version string // as it prints it
}

// Cgroups is the state of /sys/fs/cgroup.
type Cgroups struct {
	Version     int // 1 or 2; 0: not mounted
	Controllers []string
	ReadOnly    bool
}

// DataDir is the state of --data-dir.
type DataDir struct {
	Exists bool
	// WriteErr is why nothing can be created in it, or in the nearest folder
	// above that exists.
	WriteErr   error
	FreeBytes  int64
	TotalBytes int64
	FreeInodes int64
	// TotalInodes is 0 where the file system does not count them.
	TotalInodes int64
	// Format is what the version file says; nil if there is none.
	Format    *Format
	FormatErr error
	// LockedBy is the process that holds the lock; 0 if none.
	LockedBy int
	// CertNotBefore is the latest start, CertNotAfter the earliest end of the
	// authorities' certificates; zero if there are none.
	CertNotBefore, CertNotAfter time.Time
	// LastWrite is when the datastore was last written; zero if never.
	LastWrite time.Time
	// Exposed are secret files that others may read.
	Exposed []ExposedFile
}

// ExposedFile is a secret with too wide a mode.
type ExposedFile struct {
	Path string
	Mode fs.FileMode
}

// Listener is a TCP socket that listens.
type Listener struct {
	Addr    netip.AddrPort
	PID     int    // 0: not known
	Command string // its name, if PID is known
}

// Route is one IPv4 route.
type Route struct {
	Interface string
	Dest      netip.Prefix
}
