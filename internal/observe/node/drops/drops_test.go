package drops

import (
	"errors"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestFullSocket sends more to a socket than its buffer takes.
func TestFullSocket(t *testing.T) {
	c, err := Open()
	if err != nil {
		t.Skipf("the kernel refuses: %v", err)
	}
	defer c.Close()
	server, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if err := server.SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	client, err := net.DialUDP("udp4", nil, server.LocalAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	const meaning = "a socket's buffer is full"
	before, err := c.Read()
	if err != nil {
		t.Fatal(err)
	}
	for range 200 {
		if _, err := client.Write(make([]byte, 1024)); err != nil && !errors.Is(err, unix.ENOBUFS) {
			t.Fatal(err)
		}
	}
	time.Sleep(50 * time.Millisecond)
	after, err := c.Read()
	if err != nil {
		t.Fatal(err)
	}
	if n := after[meaning] - before[meaning]; n < 100 || n > 250 {
		t.Errorf("%d of 200 packets for a full socket are counted (%v)", n, after)
	}
}

// BenchmarkPacket is one packet that is dropped, counted or not.
func BenchmarkPacket(b *testing.B) {
	run := func(b *testing.B) {
		client, err := net.Dial("udp4", "127.0.0.1:9") // nobody listens there
		if err != nil {
			b.Fatal(err)
		}
		defer client.Close()
		packet := make([]byte, 64)
		for b.Loop() {
			_, _ = client.Write(packet) // the answer to the one before is an error
		}
	}
	b.Run("without", run)
	b.Run("with", func(b *testing.B) {
		c, err := Open()
		if err != nil {
			b.Skip(err)
		}
		defer c.Close()
		run(b)
	})
}
