package daemon

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// lock takes the data directory for this process. The kernel gives it up when
// the process ends, however it ends, so that a lock is never stale; the number
// in the file only serves to name the holder.
func lock(dataDir string) (unlock func(), err error) {
	path := filepath.Join(dataDir, "lock")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w; choose another with --data-dir, or mend its permissions", err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the data directory's lock: %w", err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(path)
		file.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("another bulkheadd (pid %s) runs on %s; stop it with `bulkhead down`, or choose another --data-dir",
				strings.TrimSpace(string(holder)), dataDir)
		}
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	if err := file.Truncate(0); err == nil {
		_, err = file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
		if err != nil {
			file.Close()
			return nil, fmt.Errorf("write the data directory's lock: %w", err)
		}
	}
	return func() { file.Close() }, nil
}
