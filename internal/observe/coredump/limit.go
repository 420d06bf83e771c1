package coredump

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// tell is how often a container's cores that are only counted are reported.
const tell = 10 * time.Second

// tally is what is remembered of one container's cores.
type tally struct {
	Looked []time.Time `json:"looked"`
	// Counted is how many were only counted since Told.
	Counted int       `json:"counted"`
	Told    time.Time `json:"told"`
}

// admit says whether a core is looked at. If not, others is how many were counted
// since the last report; 0 means that no report is due. It changes the tally.
func (t *tally) admit(now time.Time, burst int, window time.Duration) (look bool, others int) {
	recent := t.Looked[:0]
	for _, at := range t.Looked {
		if now.Sub(at) < window && !at.After(now) {
			recent = append(recent, at)
		}
	}
	t.Looked = recent
	if len(t.Looked) < burst {
		t.Looked = append(t.Looked, now)
		others, t.Counted = t.Counted, 0
		return true, others
	}
	t.Counted++
	if now.Sub(t.Told) < tell {
		return false, 0
	}
	others, t.Counted, t.Told = t.Counted, 0, now
	return false, others
}

// admit does so with the tally on disk. What can't be read begins anew.
func (d directory) admit(key string, now time.Time, s Settings) (look bool, others int, err error) {
	unlock, err := d.locked()
	if err != nil {
		return false, 0, err
	}
	defer unlock()
	d.forget(now.Add(-s.Window))
	path := filepath.Join(d.limits(), key+reportSuffix)
	var t tally
	if data, err := os.ReadFile(path); err == nil && json.Unmarshal(data, &t) != nil {
		t = tally{}
	}
	look, others = t.admit(now, s.Burst, s.Window)
	data, err := json.Marshal(t)
	if err == nil {
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		return false, 0, fmt.Errorf("count a core: %w", err)
	}
	return look, others, nil
}

// forget removes old tallies, so that they do not become more for ever.
func (d directory) forget(before time.Time) {
	entries, err := os.ReadDir(d.limits())
	if err != nil || len(entries) < 64 {
		return
	}
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && info.ModTime().Before(before) {
			os.Remove(filepath.Join(d.limits(), entry.Name()))
		}
	}
}

// locked is held against other handlers, for short.
func (d directory) locked() (unlock func(), err error) {
	f, err := os.OpenFile(d.lock(), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the cores: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock the cores: %w", err)
	}
	return func() { f.Close() }, nil
}

// slot is one of the places of handlers that look at a core; none is nil.
func (d directory) slot(n int) (release func()) {
	for i := range n {
		f, err := os.OpenFile(d.in(fmt.Sprintf("slot-%d", i)), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err == nil {
			return func() { f.Close() }
		} else if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, fs.ErrExist) {
			f.Close()
			return nil
		}
		f.Close()
	}
	return nil
}
