package daemon

import (
	"net"
	"os"
)

// takeNotifySocket returns where the service manager wants to hear that the
// start is over (sd_notify(3)), or "". The variable is removed, so that the
// kubelet, which would report itself alone, does not speak for all.
func takeNotifySocket() string {
	path := os.Getenv("NOTIFY_SOCKET")
	os.Unsetenv("NOTIFY_SOCKET")
	return path
}

// notifyReady tells the service manager. It is a datagram that nobody answers:
// where it cannot be sent, nobody listens.
func notifyReady(socket string) {
	if socket == "" {
		return
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = conn.Write([]byte("READY=1"))
}
