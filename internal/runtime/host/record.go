package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/bulkhead-k8s/bulkhead/internal/runtime/layout"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime/netfilter"
)

// Record is what was on the host before a node of ours ran on it.
type Record struct {
	// BootID and NetNS say for which boot and which network namespace this
	// holds; in another, everything is as it was anyway.
	BootID string `json:"bootID"`
	NetNS  uint64 `json:"netns"`
	// Sysctls are the kernel settings that were changed.
	Sysctls map[string]Change `json:"sysctls,omitempty"`
	// Bridge says that there was an interface with our bridge's name.
	Bridge bool `json:"bridge,omitempty"`
	// Overlay says that there was one with the name of our vxlan.
	Overlay bool `json:"overlay,omitempty"`
	// Tables and Chains are packet filter tables and chains with names like ours.
	Tables []netfilter.Table `json:"tables,omitempty"`
	Chains []netfilter.Chain `json:"chains,omitempty"`
}

// Change is what a kernel setting was and what we made it.
type Change struct {
	Before string `json:"before"`
	Set    string `json:"set"`
}

// Observe returns a record of the host as it is now.
func Observe(ctx context.Context) (*Record, error) {
	record, err := here()
	if err != nil {
		return nil, err
	}
	_, err = net.InterfaceByName(layout.Bridge)
	record.Bridge = err == nil
	_, err = net.InterfaceByName(layout.VXLANInterface)
	record.Overlay = err == nil
	if record.Tables, err = netfilter.Tables(ctx); err != nil {
		return nil, fmt.Errorf("look at the host's packet filter: %w", err)
	}
	if record.Chains, err = netfilter.Chains(ctx); err != nil {
		return nil, fmt.Errorf("look at the host's packet filter: %w", err)
	}
	return record, nil
}

func here() (*Record, error) {
	bootID, err := BootID()
	if err != nil {
		return nil, err
	}
	// Not /proc/self, which is the first thread: another may have been moved.
	info, err := os.Stat("/proc/thread-self/ns/net")
	if err != nil {
		return nil, fmt.Errorf("find own network namespace: %w", err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil, errors.New("find own network namespace: no inode")
	}
	return &Record{BootID: bootID, NetNS: stat.Ino, Sysctls: map[string]Change{}}, nil
}

// BootID returns the kernel's id of this boot.
func BootID() (string, error) {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("read the kernel's boot id: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

// Load returns the record in path if it holds for this boot and network
// namespace, or nil.
func Load(path string) (*Record, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what was on the host before: %w", err)
	}
	now, err := here()
	if err != nil {
		return nil, err
	}
	var record Record
	if err := json.Unmarshal(data, &record); err != nil {
		return nil, nil // half written by an older crash: nothing is known
	}
	if record.BootID != now.BootID || record.NetNS != now.NetNS {
		return nil, nil
	}
	return &record, nil
}

// Encode returns the record as it is kept in a file.
func (r *Record) Encode() ([]byte, error) {
	data, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return nil, fmt.Errorf("encode what was on the host before: %w", err)
	}
	return append(data, '\n'), nil
}
