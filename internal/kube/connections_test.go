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
