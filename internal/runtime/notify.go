package runtime

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// notifySocket is the receiving end of sd_notify(3), by which containerd says
// that its services are ready, all of them: its socket is there earlier.
type notifySocket struct {
	path       string
	connection *net.UnixConn
	closeOnce  sync.Once
}

func listenNotify(path string) (*notifySocket, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listen for containerd's readiness: %w", err)
	}
	connection, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("listen for containerd's readiness: %w", err)
	}
	return &notifySocket{path: path, connection: connection}, nil
}

// wait returns nil once READY=1 has come.
func (n *notifySocket) wait(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = n.connection.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	message := make([]byte, 4096)
	for {
		length, err := n.connection.Read(message)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("wait for containerd's readiness: %w", err)
		}
		if slices.Contains(strings.Split(string(message[:length]), "\n"), "READY=1") {
			return nil
		}
	}
}

// close ends a wait and removes the socket. It may be called more than once.
func (n *notifySocket) close() {
	n.closeOnce.Do(func() {
		_ = n.connection.Close()
		_ = os.Remove(n.path)
	})
}
