package hosts

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestNamespaceIsAMachineOfItsOwn(t *testing.T) {
	if err := Supported(); err != nil {
		t.Skip(err)
	}
	n, err := New(context.Background(), "bulkhead-test")
	if err != nil {
		t.Fatal(err)
	}
	listener, err := n.Listen("0.0.0.0:7")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(conn, conn.RemoteAddr())
			conn.Close()
		}
	}()
	conn, err := n.Dial(t.Context(), "tcp", "127.0.0.1:7")
	if err != nil {
		t.Fatalf("from inside: %v", err)
	}
	said, _ := io.ReadAll(conn)
	if !strings.HasPrefix(string(said), "127.0.0.1:") {
		t.Errorf("from inside, the client is %s", said)
	}
	sockets, err := n.Listening()
	if err != nil {
		t.Fatal(err)
	}
	// Go listens on both families where it is given a wildcard.
	if len(sockets) != 1 || sockets[0].String() != "tcp [::]:7" || !sockets[0].Wildcard() {
		t.Errorf("listening: %v", sockets)
	}
	routes, err := n.Command(t.Context(), "ip", "route").Output()
	if err != nil || !strings.Contains(string(routes), "default via "+n.Gateway.String()) {
		t.Errorf("routes: %s, %v", routes, err)
	}
	listener.Close()
	conn.Close()
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(n.Path()); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", n.Path(), err)
	}
}

func TestParseSockets(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue
   0: 0100007F:192B 00000000:0000 0A 0
   1: 0100007F:192B 0100007F:0001 01 0
   2: 0000000000000000FFFF00000101A8C0:0050 00000000000000000000000000000000:0000 0A 0
   3: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 0
`
	sockets, err := parseSockets("tcp", table)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, socket := range sockets {
		got = append(got, socket.String())
	}
	if want := []string{"tcp 127.0.0.1:6443", "tcp 192.168.1.1:80", "tcp [::1]:80"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if _, err := parseSockets("tcp", "heading\nshort line\n"); err == nil {
		t.Error("a short line was taken")
	}
}
