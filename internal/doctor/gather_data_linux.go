package doctor

import (
	"crypto/x509"
	"encoding/pem"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
)

// lockFile is what a daemon holds locked (flock) in its data directory.
const lockFile = "lock"

func gatherDataDir(c *config.Config, slow bool) DataDir {
	dir := nearest(c.DataDir)
	data := DataDir{Exists: dir == c.DataDir}
	if probe, err := os.MkdirTemp(dir, ".bulkhead-probe-"); err != nil {
		data.WriteErr = err
	} else {
		os.Remove(probe)
	}
	var stat unix.Statfs_t
	if unix.Statfs(dir, &stat) == nil {
		data.FreeBytes, data.TotalBytes = int64(stat.Bavail)*stat.Frsize, int64(stat.Blocks)*stat.Frsize
		data.FreeInodes, data.TotalInodes = int64(stat.Ffree), int64(stat.Files)
	}
	if !data.Exists {
		return data
	}
	data.Format, data.FormatErr = ReadFormat(c.DataDir)
	if pid := LockHolder(c.DataDir); pid != os.Getpid() {
		data.LockedBy = pid
	}
	data.CertNotBefore, data.CertNotAfter = authorityTimes(c.DataDir)
	for _, pattern := range []string{"*/member/snap/db", "*/*/member/snap/db"} {
		paths, _ := filepath.Glob(filepath.Join(c.DataDir, pattern))
		for _, path := range paths {
			if info, err := os.Stat(path); err == nil && info.ModTime().After(data.LastWrite) {
				data.LastWrite = info.ModTime()
			}
		}
	}
	if slow {
		data.Exposed = exposedFiles(c)
	}
	return data
}

// LockHolder returns the process of the daemon that runs on dataDir, or 0. It
// looks and does not take the lock, so that it never makes a start fail.
func LockHolder(dataDir string) int {
	path := filepath.Join(dataDir, lockFile)
	var stat unix.Stat_t
	if unix.Stat(path, &stat) != nil {
		return 0
	}
	written, _ := strconv.Atoi(strings.TrimSpace(readText(path)))
	pid, locked := parseLockHolder(readText("/proc/locks"), lockedFile{unix.Major(stat.Dev), unix.Minor(stat.Dev), stat.Ino, written})
	if !locked || pid != 0 {
		return pid
	}
	return max(written, 1) // of another PID namespace: the daemon writes its own number into the file
}

// authorityTimes returns the time in which all authorities below dataDir are
// valid.
func authorityTimes(dataDir string) (notBefore, notAfter time.Time) {
	paths, _ := filepath.Glob(filepath.Join(dataDir, "*", "*.crt"))
	for _, path := range paths {
		block, _ := pem.Decode([]byte(readText(path)))
		if block == nil {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil || !certificate.IsCA {
			continue
		}
		if certificate.NotBefore.After(notBefore) {
			notBefore = certificate.NotBefore
		}
		if notAfter.IsZero() || certificate.NotAfter.Before(notAfter) {
			notAfter = certificate.NotAfter
		}
	}
	return notBefore, notAfter
}

// exposedFiles returns the keys and kubeconfigs that others than their owner
// may read, unless --write-kubeconfig-mode says so.
func exposedFiles(c *config.Config) []ExposedFile {
	allowed := map[string]fs.FileMode{}
	if mode, err := strconv.ParseUint(c.WriteKubeconfigMode, 8, 32); err == nil {
		allowed[c.WriteKubeconfig] = fs.FileMode(mode)
	}
	paths := []string{c.WriteKubeconfig}
	for _, pattern := range []string{"kubeconfig", "*/*.pem", "*/*.key", "*/*kubeconfig*"} {
		found, _ := filepath.Glob(filepath.Join(c.DataDir, pattern))
		paths = append(paths, found...)
	}
	seen := map[string]bool{}
	var exposed []ExposedFile
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() || seen[path] {
			continue
		}
		seen[path] = true
		if mode := info.Mode().Perm(); mode&0o077&^allowed[path] != 0 {
			exposed = append(exposed, ExposedFile{path, mode})
		}
	}
	return exposed
}
