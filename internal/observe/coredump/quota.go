package coredump

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Names of kept cores: <key>@<nanoseconds>-<pid>.core, and .part while it is written.
const (
	keptSuffix    = ".core"
	partSuffix    = ".part"
	keptSeparator = "@"
)

type kept struct {
	path  string
	key   string
	order string // by time
	bytes int64
}

// list is all kept cores, oldest first.
func (d directory) list() ([]kept, error) {
	entries, err := os.ReadDir(d.kept())
	if err != nil {
		return nil, fmt.Errorf("list the kept cores: %w", err)
	}
	var all []kept
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		key, order, _ := strings.Cut(entry.Name(), keptSeparator)
		all = append(all, kept{filepath.Join(d.kept(), entry.Name()), key, order, allocated(info)})
	}
	slices.SortFunc(all, func(a, b kept) int { return strings.Compare(a.order, b.order) })
	return all, nil
}

// evict removes the oldest cores until those of the key, and all, are within the
// limits with more bytes to come, and says whether they are then. The core that is
// being written, own, stays, and so do those that others write.
func evict(all []kept, own, key string, more int64, s Settings) (remove []kept, ok bool) {
	var total, ofKey int64
	for _, k := range all {
		total += k.bytes
		if k.key == key {
			ofKey += k.bytes
		}
	}
	over := func() (keyOnly, any bool) {
		return ofKey+more > s.ContainerBytes, total+more > s.TotalBytes
	}
	for _, k := range all {
		ofThis, any := over()
		if !ofThis && !any {
			break
		}
		if k.path == own || strings.HasSuffix(k.path, partSuffix) || !any && k.key != key {
			continue
		}
		remove = append(remove, k)
		total -= k.bytes
		if k.key == key {
			ofKey -= k.bytes
		}
	}
	ofThis, any := over()
	return remove, !ofThis && !any
}

// room makes room for more bytes of a core, by removing older ones.
func (d directory) room(own, key string, more int64, s Settings) error {
	unlock, err := d.locked()
	if err != nil {
		return err
	}
	defer unlock()
	all, err := d.list()
	if err != nil {
		return err
	}
	remove, ok := evict(all, own, key, more, s)
	if !ok {
		return fmt.Errorf("the quota of %d MiB for cores is used up by those that are being written", s.TotalBytes>>20)
	}
	for _, k := range remove {
		if err := os.Remove(k.path); err != nil {
			return fmt.Errorf("remove an older core: %w", err)
		}
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(d.kept(), &disk); err != nil {
		return fmt.Errorf("look at the disk for cores: %w", err)
	}
	size := float64(disk.Blocks) * float64(disk.Bsize)
	if free := float64(disk.Bavail)*float64(disk.Bsize) - float64(more); free < s.MinFree*size {
		return fmt.Errorf("the disk would have less than %.0f %% free", 100*s.MinFree)
	}
	return nil
}

// sweep removes what a handler that was ended left half written. Only while no
// other handler writes: it needs all slots.
func (d directory) sweep(s Settings) {
	var held []func()
	defer func() {
		for _, release := range held {
			release()
		}
	}()
	for range s.AtOnce {
		release := d.slot(s.AtOnce)
		if release == nil {
			return
		}
		held = append(held, release)
	}
	parts, _ := filepath.Glob(filepath.Join(d.kept(), "*"+partSuffix)) // the pattern is well formed
	for _, path := range parts {
		os.Remove(path)
	}
}
