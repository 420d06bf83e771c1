package daemon

import (
	"net"
	"os"
)

// notifyReady tells systemd that the start is over (sd_notify(3)), if it asked.
// The variable is removed so that the kubelet, which would report itself alone,
// does not speak for the whole process.
func notifyReady() {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	os.Unsetenv("NOTIFY_SOCKET")
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = conn.Write([]byte("READY=1"))
}
