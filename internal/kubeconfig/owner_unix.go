//go:build unix

package kubeconfig

import (
	"os"
	"syscall"
)

// keepOwner gives file the owner of the one that it replaces: with sudo, a
// user's kubeconfig would become root's.
func keepOwner(path string, file *os.File) error {
	info, err := os.Stat(path)
	if err != nil {
		return nil // a new file belongs to who makes it
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(stat.Uid) == os.Geteuid() {
		return nil
	}
	return file.Chown(int(stat.Uid), int(stat.Gid))
}
