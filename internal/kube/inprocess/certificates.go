package inprocess

import (
	"crypto/x509"
	"fmt"
	"sync"
	"time"
)

// reload is how long a certificate is used before it is loaded again: renewal
// replaces one days before it expires.
const reload = time.Minute

// certificates keeps clients' certificates. Its methods may be called from any
// goroutine.
type certificates struct {
	load func(name string) (*x509.Certificate, error)
	kept sync.Map // string to kept
}

type kept struct {
	certificate *x509.Certificate
	until       time.Time
}

func (c *certificates) get(name string) (*x509.Certificate, error) {
	now := time.Now()
	if found, ok := c.kept.Load(name); ok && now.Before(found.(kept).until) {
		return found.(kept).certificate, nil
	}
	certificate, err := c.load(name)
	if err != nil {
		return nil, fmt.Errorf("find the certificate of client %q: %w", name, err)
	}
	c.kept.Store(name, kept{certificate, now.Add(reload)})
	return certificate, nil
}
