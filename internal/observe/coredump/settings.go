package coredump

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/observe/coredump/corepattern"
)

// Settings are the handler's limits.
type Settings struct {
	// MaxBytes is the most that is kept of one core; a larger one is dropped.
	// Default 512 MiB. Pages of zeros take no space and do not count.
	MaxBytes int64 `json:"maxBytes,omitempty"`
	// ContainerBytes is what all cores of one container may take. Default 1 GiB.
	ContainerBytes int64 `json:"containerBytes,omitempty"`
	// OwnerBytes is what all cores of one workload may take, over all its pods here.
	// Default 1 GiB.
	OwnerBytes int64 `json:"ownerBytes,omitempty"`
	// TotalBytes is what all cores may take. Default 2 GiB.
	TotalBytes int64 `json:"totalBytes,omitempty"`
	// MinFree is the share of the file system that cores leave free, with Spare or a
	// tenth more, whichever is less. Default 0.15, from where the kubelet evicts pods,
	// and 2 GiB, since others write, too.
	MinFree float64 `json:"minFree,omitempty"`
	Spare   int64   `json:"spare,omitempty"`
	// Burst is how many cores of one container are looked at within Window; the
	// others are only counted. Default 3 in 10 minutes.
	Burst  int           `json:"burst,omitempty"`
	Window time.Duration `json:"window,omitempty"`
	// AtOnce is how many cores are looked at at the same time. Default 2.
	AtOnce int `json:"atOnce,omitempty"`
	// Frames is how many of a stack are named. Default 64.
	Frames int `json:"frames,omitempty"`
	// Timeout is how long one core may take. Default 60 s.
	Timeout time.Duration `json:"timeout,omitempty"`
	// Drop keeps no cores, only reports.
	Drop bool `json:"drop,omitempty"`
}

func (s *Settings) complete() {
	set(&s.MaxBytes, 512<<20)
	set(&s.ContainerBytes, 1<<30)
	set(&s.OwnerBytes, 1<<30)
	set(&s.TotalBytes, 2<<30)
	set(&s.MinFree, 0.15)
	set(&s.Spare, 2<<30)
	set(&s.Burst, 3)
	set(&s.Window, 10*time.Minute)
	set(&s.AtOnce, 2)
	set(&s.Frames, 64)
	set(&s.Timeout, time.Minute)
}

// leave is how much of a file system of a size cores leave free, all in bytes.
func (s *Settings) leave(size float64) float64 {
	return s.MinFree*size + min(float64(s.Spare), size/10)
}

func set[T comparable](v *T, standard T) {
	var zero T
	if *v == zero {
		*v = standard
	}
}

// What lies in the directory of cores.
type directory string

func (d directory) in(name string) string { return filepath.Join(string(d), name) }

func (d directory) handler() string  { return d.in(corepattern.Handler) }
func (d directory) settings() string { return d.in("settings.json") }
func (d directory) former() string   { return d.in(corepattern.Former) }
func (d directory) kept() string     { return d.in("kept") }
func (d directory) reports() string  { return d.in("reports") }
func (d directory) limits() string   { return d.in("limits") }
func (d directory) owners() string   { return d.in("owners.json") }
func (d directory) lock() string     { return d.in("lock") }

// load reads the settings; without a file they are the defaults.
func (d directory) load() (Settings, error) {
	var s Settings
	data, err := os.ReadFile(d.settings())
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	s.complete()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s, fmt.Errorf("read the settings for cores: %w", err)
	}
	return s, nil
}

// write replaces a file as a whole.
func write(path string, data []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
