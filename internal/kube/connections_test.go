package kube

import (
	"errors"
	"io"
	"net"
	"testing"
)

func TestCloseAllEndsConnectionsThatNobodyCloses(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	tracked := newConnections(listener)
	var clients []net.Conn
	for range 2 {
		client, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		clients = append(clients, client)
		if _, err := tracked.Accept(); err != nil {
			t.Fatal(err)
		}
	}
	tracked.CloseAll()
	for _, client := range clients {
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("read: %v, want the end", err)
		}
	}
	if len(tracked.open) != 0 {
		t.Errorf("%d connections are still kept", len(tracked.open))
	}
}

func TestClosedConnectionIsForgotten(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	tracked := newConnections(listener)
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	accepted, err := tracked.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if err := accepted.Close(); err != nil || len(tracked.open) != 0 {
		t.Errorf("close: %v, %d kept", err, len(tracked.open))
	}
}

// Upstream panicked when a client connected between CloseAll and the end of the
// listener.
func TestAcceptGoesOnAfterCloseAll(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tracked := newConnections(listener)
	tracked.CloseAll()
	accepted := make(chan error, 1)
	go func() {
		_, err := tracked.Accept()
		accepted <- err
	}()
	late, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	if _, err := late.Read(make([]byte, 1)); err == nil {
		t.Error("a late connection was kept open")
	}
	select {
	case err := <-accepted:
		t.Fatalf("Accept returned %v before the listener was closed", err)
	default:
	}
	listener.Close()
	if err := <-accepted; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept returned %v, want net.ErrClosed", err)
	}
}
