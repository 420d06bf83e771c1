package runtime

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
)

// Paths is where the files of one data directory's containerd lie.
type Paths struct {
	// Bin has the links by which the daemon becomes containerd and its shim.
	Bin string
	// Socket is containerd's; PIDFile says which process serves it, and from
	// which build of the executable.
	Socket  string
	PIDFile string
	// Config is containerd's settings, Log its output.
	Config string
	Log    string
	// Root is what containerd keeps, State what is void after a reboot.
	Root  string
	State string
	// BootID is the kernel's boot id at the time that State was begun.
	BootID string
	// CNIConfig is the directory of the network configuration, CNIState that of
	// the leases of addresses.
	CNIConfig string
	CNIState  string
	// Sysctls records the kernel settings that were changed, with what they
	// were before.
	Sysctls string
	// ShimSockets is outside of the data directory: containerd allows it 42
	// bytes, since Linux limits a socket's path to 108.
	ShimSockets string
}

// PathsFor returns the paths that belong to dataDir.
func PathsFor(dataDir string) Paths {
	in := func(elements ...string) string {
		return filepath.Join(append([]string{dataDir}, elements...)...)
	}
	sum := sha256.Sum256([]byte(dataDir))
	return Paths{
		Bin:         in("bin"),
		Socket:      in("run", "containerd.sock"),
		PIDFile:     in("run", "containerd.json"),
		Config:      in("etc", "containerd.toml"),
		Log:         in("log", "containerd.log"),
		Root:        in("containerd"),
		State:       in("run", "containerd"),
		BootID:      in("run", "boot-id"),
		CNIConfig:   in("etc", "cni"),
		CNIState:    in("cni"),
		Sysctls:     in("sysctls.json"),
		ShimSockets: filepath.Join("/run/bulkhead", hex.EncodeToString(sum[:4])),
	}
}
