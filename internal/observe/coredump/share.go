package coredump

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/bulkhead-k8s/bulkhead/internal/observe/coredump/corepattern"
)

// The kernel has one handler for the whole machine. Of several Bulkheads on it, the
// first one's handles all cores; the others leave a note in its directory, by which
// it gives them those of their own pods.

// peer is such a note.
type peer struct {
	Dir    string `json:"dir"`
	Cgroup string `json:"cgroup"`
}

func (d directory) peers() string { return d.in("peers") }

// note is the file of the peer whose directory of cores is dir.
func (d directory) note(dir string) string {
	h := fnv.New64a()
	h.Write([]byte(dir))
	return filepath.Join(d.peers(), fmt.Sprintf("%016x%s", h.Sum64(), reportSuffix))
}

// join asks the handler of d to give p the cores of its pods.
func (d directory) join(p peer) error {
	data, err := json.Marshal(p)
	if err == nil {
		err = os.MkdirAll(d.peers(), 0o700)
	}
	if err == nil {
		err = write(d.note(p.Dir), data, 0o600)
	}
	if err != nil {
		return fmt.Errorf("share the handling of core dumps with %s: %w", d, err)
	}
	return nil
}

// of is the directory whose a process is, by its /proc/<pid>/cgroup.
func (d directory) of(groups string) directory {
	for _, p := range d.joined() {
		if contains(groups, p.Cgroup) {
			return directory(p.Dir)
		}
	}
	return d
}

// joined are the peers that still are there.
func (d directory) joined() []peer {
	entries, err := os.ReadDir(d.peers())
	if err != nil {
		return nil // there are none
	}
	var all []peer
	for _, entry := range entries {
		data, err := os.ReadFile(filepath.Join(d.peers(), entry.Name()))
		var p peer
		if err != nil || json.Unmarshal(data, &p) != nil || p.Cgroup == "" {
			continue
		}
		if _, err := os.Stat(directory(p.Dir).reports()); err == nil {
			all = append(all, p)
		}
	}
	return all
}

// contains says whether a process is in a cgroup or below. The handler sees the
// whole machine's tree, of which the other's daemon may only see a part.
func contains(groups, cgroup string) bool {
	for line := range strings.Lines(groups) {
		if strings.Contains(strings.TrimSpace(line)+"/", cgroup+"/") {
			return true
		}
	}
	return false
}

// InPlace says whether cores of dir are still handled by the handler that Install
// said.
func InPlace(dir, handler string) bool {
	present, err := corepattern.Current()
	if err != nil || corepattern.Ours(present) != handler {
		return false
	}
	if handler == dir {
		return true
	}
	_, err = os.Stat(directory(handler).note(dir))
	return err == nil
}

// Uninstall takes back what Install has done.
func Uninstall(dir, handler string) error {
	var err error
	if handler != dir {
		if err = os.Remove(directory(handler).note(dir)); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	return errors.Join(err, corepattern.Restore(dir))
}
