package coredump

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Names of kept cores: <key>@<nanoseconds>-<pid>.core, and .part while it is written;
// the key is <pod's UID>_<program>.
const (
	keySeparator  = "_"
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

// share is a limit that a core counts for, with what counts for it.
type share struct {
	counts func(kept) bool
	limit  int64
	bytes  int64
}

// shares are those of a core with this key, narrowest first.
func shares(key string, o Owners, s Settings) []*share {
	out := []*share{{counts: func(k kept) bool { return k.key == key }, limit: s.ContainerBytes}}
	if owner := o.of(key); owner != "" {
		out = append(out, &share{counts: func(k kept) bool { return o.of(k.key) == owner }, limit: s.OwnerBytes})
	}
	return append(out, &share{counts: func(kept) bool { return true }, limit: s.TotalBytes})
}

// evict removes the oldest cores until those of the key, of its workload, and all, are
// within the limits with more bytes to come, and says whether they are then. The core
// that is being written, own, stays, and so do those that others write.
func evict(all []kept, own, key string, more int64, o Owners, s Settings) (remove []kept, ok bool) {
	limits := shares(key, o, s)
	for _, k := range all {
		for _, l := range limits {
			if l.counts(k) {
				l.bytes += k.bytes
			}
		}
	}
	over := func(l *share) bool { return l.bytes+more > l.limit }
	for _, k := range all {
		if k.path == own || strings.HasSuffix(k.path, partSuffix) || !slices.ContainsFunc(limits, func(l *share) bool { return over(l) && l.counts(k) }) {
			continue
		}
		remove = append(remove, k)
		for _, l := range limits {
			if l.counts(k) {
				l.bytes -= k.bytes
			}
		}
	}
	return remove, !slices.ContainsFunc(limits, over)
}

// held says that a workload's cores would exceed what is left to them.
func held(all []kept, key string, more int64, o Owners) error {
	owner := o.of(key)
	limit, ok := o.Bytes[owner]
	if owner == "" || !ok {
		return nil
	}
	for _, k := range all {
		if o.of(k.key) == owner {
			more += k.bytes
		}
	}
	if more <= limit {
		return nil
	}
	return fmt.Errorf("the cores of %s are held: they may take %d MiB here", owner, limit>>20)
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
	o := d.readOwners()
	if err := held(all, key, more, o); err != nil {
		return err
	}
	remove, ok := evict(all, own, key, more, o, s)
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
	size, free := float64(disk.Blocks)*float64(disk.Bsize), float64(disk.Bavail)*float64(disk.Bsize)
	if least := s.leave(size); free-float64(more) < least {
		return fmt.Errorf("the disk would have less than %.0f %% free", 100*least/size)
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
