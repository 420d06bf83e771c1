package localnode

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"time"

	"github.com/google/renameio/v2"
)

// State is how far a node has come.
type State string

// The states. A node that is Made has been Ready once; of one that is Making or
// Removing there may be anything or nothing.
const (
	Making   State = "making"
	Made     State = "made"
	Failed   State = "failed"
	Removing State = "removing"
)

// Record is what is remembered of a node.
type Record struct {
	Pool  string    `json:"pool"`
	Asked time.Time `json:"asked"`
	State State     `json:"state"`
	// Error says why it failed.
	Error   string     `json:"error,omitempty"`
	Network Network    `json:"network"`
	Address netip.Addr `json:"address"`
	// DiskBytes is the size of its own disk; 0: it has none.
	DiskBytes int64 `json:"diskBytes,omitempty"`
}

// Save writes the record, and makes the node's folder.
func (p Place) Save(r Record) error {
	data, err := json.Marshal(r)
	if err == nil {
		err = os.MkdirAll(p.Dir(), 0o700)
	}
	if err == nil {
		err = renameio.WriteFile(p.record(), append(data, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("note what node %s is: %w", p.Name, err)
	}
	return nil
}

// Load reads the record; nil where there is none that can be read, as of a node
// that a crash has left half made or half removed.
func (p Place) Load() (*Record, error) {
	data, err := os.ReadFile(p.record())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what node %s is: %w", p.Name, err)
	}
	r := new(Record)
	if json.Unmarshal(data, r) != nil || r.Pool == "" {
		return nil, nil
	}
	return r, nil
}
