package admin

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
)

// Listen opens the socket at path for its owner alone. It replaces what a
// killed daemon left there, so the caller must hold the data directory's lock.
func Listen(path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the daemon's socket: %w", err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove the socket of an earlier daemon: %w", err)
	}
	// The socket appears under a name that no client knows and gets its final
	// one when its mode is right, so that nobody can open it in between.
	early := path + ".new"
	if err := os.Remove(early); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove the socket of an earlier daemon: %w", err)
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: early, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("open the daemon's socket: %w", err)
	}
	listener.SetUnlinkOnClose(false) // it would unlink the early name
	if err := errors.Join(os.Chmod(early, 0o600), os.Rename(early, path)); err != nil {
		listener.Close()
		os.Remove(early)
		return nil, fmt.Errorf("open the daemon's socket: %w", err)
	}
	return &socket{UnixListener: listener, path: path}, nil
}

// socket removes its file when it is closed.
type socket struct {
	*net.UnixListener
	path string
}

func (s *socket) Close() error {
	os.Remove(s.path)
	return s.UnixListener.Close()
}
