package coredump

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"strings"
)

// Owners says whose the pods of this node are: a workload's cores count together,
// over all its pods.
type Owners struct {
	// Pods are workloads, as Deployment/shop/web, by the UIDs of their pods.
	Pods map[string]string `json:"pods"`
	// Bytes is what the cores of a workload may take here while that is held. What
	// is there already stays; nothing is removed to make room for more.
	Bytes map[string]int64 `json:"bytes,omitempty"`
}

// SetOwners tells the handler of dir. Pods that are gone are not forgotten while it
// keeps cores of them.
func SetOwners(dir string, o Owners) error {
	d := directory(dir)
	unlock, err := d.locked()
	if err != nil {
		return err
	}
	defer unlock()
	all, err := d.list()
	if err != nil {
		return err
	}
	next := Owners{Pods: maps.Clone(o.Pods), Bytes: o.Bytes}
	if next.Pods == nil {
		next.Pods = map[string]string{}
	}
	before := d.readOwners()
	for _, k := range all {
		pod := podOf(k.key)
		if owner := before.Pods[pod]; owner != "" && next.Pods[pod] == "" {
			next.Pods[pod] = owner
		}
	}
	data, err := json.Marshal(next)
	if err == nil {
		err = write(d.owners(), data, 0o600)
	}
	if err != nil {
		return fmt.Errorf("say whose cores are whose: %w", err)
	}
	return nil
}

// readOwners is what is known; nothing, if that cannot be read.
func (d directory) readOwners() Owners {
	var o Owners
	data, err := os.ReadFile(d.owners())
	if err != nil || json.Unmarshal(data, &o) != nil {
		return Owners{}
	}
	return o
}

// of is the workload of a key; empty if it is not known.
func (o Owners) of(key string) string { return o.Pods[podOf(key)] }

// podOf is the UID that a key begins with.
func podOf(key string) string {
	uid, _, _ := strings.Cut(key, keySeparator)
	return uid
}
