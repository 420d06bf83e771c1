package coredump

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Report is what the handler tells the daemon of one core.
type Report struct {
	Time time.Time `json:"time"`
	PID  int       `json:"pid"`
	// First says that it was its container's first process, whose end is the
	// container's.
	First      bool   `json:"first,omitempty"`
	Signal     int    `json:"signal"`
	Executable string `json:"executable,omitempty"`
	// PodUID and ContainerID are empty for what is no pod's.
	PodUID      string `json:"podUID,omitempty"`
	ContainerID string `json:"containerID,omitempty"`
	// Bytes is the core's size as the kernel announces it.
	Bytes   int64  `json:"bytes,omitempty"`
	Kept    string `json:"kept,omitempty"`
	Dropped string `json:"dropped,omitempty"`
	Threads int    `json:"threads,omitempty"`
	// Stack is of the thread that got the signal, innermost first.
	Stack []string `json:"stack,omitempty"`
	// Others is how many cores of this container were only counted since the
	// report before.
	Others int `json:"others,omitempty"`
	// Took is how long the process was held up.
	Took time.Duration `json:"took,omitempty"`
}

// maxReports is how many wait for the daemon; later ones are lost.
const maxReports = 1000

const reportSuffix = ".json"

// save puts the report where the daemon looks.
func (d directory) save(r Report) error {
	waiting, err := os.ReadDir(d.reports())
	if err != nil {
		return fmt.Errorf("save the report of a core: %w", err)
	}
	if len(waiting) >= maxReports {
		return fmt.Errorf("save the report of a core: %d wait already", len(waiting))
	}
	data, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("save the report of a core: %w", err)
	}
	name := fmt.Sprintf("%020d-%d%s", r.Time.UnixNano(), r.PID, reportSuffix)
	if err := write(filepath.Join(d.reports(), name), data, 0o600); err != nil {
		return fmt.Errorf("save the report of a core: %w", err)
	}
	return nil
}

// take gives all reports that wait to f, oldest first, and removes those that f
// has taken. It ends at the first that f refuses.
func (d directory) take(f func(Report) error) error {
	waiting, err := os.ReadDir(d.reports()) // sorted by name
	if err != nil {
		return fmt.Errorf("read the reports of cores: %w", err)
	}
	for _, entry := range waiting {
		if !strings.HasSuffix(entry.Name(), reportSuffix) || strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		path := filepath.Join(d.reports(), entry.Name())
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var r Report
		if err == nil {
			err = json.Unmarshal(data, &r)
		}
		if err == nil {
			err = f(r)
			if err != nil {
				return fmt.Errorf("pass on the report of a core: %w", err)
			}
		}
		// One that cannot be read never will be.
		if err := errors.Join(err, os.Remove(path)); err != nil {
			return fmt.Errorf("read the report of a core: %w", err)
		}
	}
	return nil
}
