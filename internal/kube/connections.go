package kube

import (
	"net"
	"sync"
)

// connections is a listener that can close what it has accepted.
//
// Clients keep their connections, with watches on them: people's from outside,
// and the API server's to itself. Without this, the server waits for them in vain.
type connections struct {
	net.Listener

	mu     sync.Mutex // guards all below
	open   map[*connection]struct{}
	closed bool
}

func newConnections(listener net.Listener) *connections {
	return &connections{Listener: listener, open: map[*connection]struct{}{}}
}

// Accept waits for the next connection. After CloseAll it closes those that
// still come and goes on: upstream panics when Accept fails before it has closed
// the listener itself.
func (c *connections) Accept() (net.Conn, error) {
	for {
		accepted, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if tracked := c.track(accepted); tracked != nil {
			return tracked, nil
		}
		_ = accepted.Close()
	}
}

// track returns the connection as one that CloseAll closes, or nil if it has
// done so already.
func (c *connections) track(accepted net.Conn) net.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	tracked := &connection{Conn: accepted, of: c}
	c.open[tracked] = struct{}{}
	return tracked
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
