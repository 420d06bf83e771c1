// Package layout says where everything of one data directory lies. Its one rule:
// a path that two packages know is here.
package layout

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"

	"github.com/bulkhead-k8s/bulkhead/internal/runtime/process"
)

// Paths is where the files of one data directory's containerd lie.
type Paths struct {
	// Bin has the links by which the daemon becomes containerd and its shim.
	Bin string
	// Socket is containerd's.
	Socket string
	// Config is containerd's settings, Log its output.
	Config string
	Log    string
	// Root is what containerd keeps, State what is void after a reboot.
	Root  string
	State string
	// BootID is the kernel's boot id at the time that State was begun.
	BootID string
	// Stopped says when all containers were ended, until the next start has told it.
	Stopped string
	// CNIConfig is the directory of the network configuration, CNIState that of
	// the leases of addresses.
	CNIConfig string
	CNIState  string
	// Registries may hold a directory for each registry with containerd's
	// hosts.toml, which names its mirrors; it is read at each pull.
	Registries string
	// HostRecord says what was on the host before us, for reset.
	HostRecord string
	// Cores is where the handler of core dumps lies, with its settings, the cores
	// that it keeps and the reports that wait for the daemon. It takes no more than
	// some 90 bytes: the kernel's setting has 127 for the whole command.
	Cores string
	// ShimSockets is outside of the data directory: containerd allows it 42
	// bytes, since Linux limits a socket's path to 108.
	ShimSockets string
}

// For returns the paths that belong to dataDir.
func For(dataDir string) Paths {
	in := func(elements ...string) string {
		return filepath.Join(append([]string{dataDir}, elements...)...)
	}
	sum := sha256.Sum256([]byte(dataDir))
	return Paths{
		Bin:         in("bin"),
		Socket:      in("run", "containerd.sock"),
		Config:      in("etc", "containerd.toml"),
		Log:         in("log", "containerd.log"),
		Root:        in("containerd"),
		State:       in("run", "containerd"),
		BootID:      in("run", "boot-id"),
		Stopped:     in("stopped.json"),
		CNIConfig:   in("etc", "cni"),
		CNIState:    in("cni"),
		Registries:  in("etc", "registries"),
		HostRecord:  in("host.json"),
		Cores:       in("cores"),
		ShimSockets: filepath.Join("/run/bulkhead", hex.EncodeToString(sum[:4])),
	}
}

// Owner tells the processes of this containerd from others.
func (p Paths) Owner() process.Owner {
	return process.Owner{Config: p.Config, Socket: p.Socket}
}

// What the pods' network is called.
const (
	// Bridge is the interface that pods are connected to.
	Bridge = "bulkhead0"
	// VXLANID is the network's number, and part of the name that flannel gives to
	// its interface, VXLANInterface. Not flannel's default of 1, which others use.
	VXLANID        = 66
	VXLANInterface = "flannel.66"
	// RouteProtocol marks routes to other nodes' pods as ours (rtnetlink(7)).
	RouteProtocol = 66
	// CNINetwork is the name of the network, CNIConfigName of its file.
	CNINetwork    = "bulkhead"
	CNIConfigName = "10-bulkhead.conflist"
)

// CoreHandler is the program beside the daemon's that makes reports of core dumps.
const CoreHandler = "bulkhead-core"
