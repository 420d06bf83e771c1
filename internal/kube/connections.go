package kube

import (
	"net"
	"sync"
)

// connections is a listener that can close what it has accepted.
//
// The API server's clients in this process keep their connections, with watches
// on them, after they have been told to end: upstream's kubelet for one is only
// ever ended by its process. Without this, the server waits for them in vain.
type connections struct {
	net.Listener

	mu     sync.Mutex // guards all below
	open   map[*connection]struct{}
	closed bool
}

func newConnections(listener net.Listener) *connections {
	return &connections{Listener: listener, open: map[*connection]struct{}{}}
}

// Accept waits for the next connection.
func (c *connections) Accept() (net.Conn, error) {
	accepted, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	tracked := &connection{Conn: accepted, of: c}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		_ = accepted.Close()
		return nil, net.ErrClosed
	}
	c.open[tracked] = struct{}{}
	return tracked, nil
}

// CloseAll closes all connections, and those that still come.
func (c *connections) CloseAll() {
	c.mu.Lock()
	c.closed = true
	open := c.open
	c.open = map[*connection]struct{}{}
	c.mu.Unlock()
	for connection := range open {
		_ = connection.Conn.Close() // what else could be done with it
	}
}

type connection struct {
	net.Conn
	of *connections
}

func (c *connection) Close() error {
	c.of.mu.Lock()
	delete(c.of.open, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}
