package reset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/bulkhead-k8s/bulkhead/internal/runtime/layout"
)

// Where the kubelet and the CNI library put files that cannot be told to go
// elsewhere.
const (
	containerLogLinks = "/var/log/containers"
	cniResults        = "/var/lib/cni/results"
)

// files are the data directory and what lies outside of it.
type files struct {
	target Target
	paths  layout.Paths
	mounts mounts
	// real is the data directory without symbolic links.
	real string
	// dataDirOnly leaves out the places that an ordinary user may not read.
	dataDirOnly bool
}

func (f files) find(context.Context) ([]Item, error) {
	list, err := f.list()
	if err != nil {
		return nil, err
	}
	var items []Item
	for _, path := range list {
		items = append(items, Item{KindFile, path})
	}
	return items, nil
}

func (f files) list() ([]string, error) {
	if f.dataDirOnly {
		if f.target.KeepData {
			return nil, nil
		}
		return existing(f.target.DataDir), nil
	}
	list, err := logLinks(containerLogLinks, f.target.DataDir, f.real)
	if err != nil {
		return nil, err
	}
	results, err := cachedResults(cniResults, f.target.DataDir)
	if err != nil {
		return nil, err
	}
	list = append(list, results...)
	list = append(list, existing(f.paths.ShimSockets)...)
	if f.target.KeepData {
		return append(list, existing(f.paths.State, f.paths.CNIState, f.paths.HostRecord)...), nil
	}
	return append(list, existing(f.target.DataDir)...), nil
}

func existing(paths ...string) []string {
	var found []string
	for _, path := range paths {
		if _, err := os.Lstat(path); err == nil {
			found = append(found, path)
		}
	}
	return found
}

// logLinks returns the links in directory that lead into one of the data
// directory's names.
func logLinks(directory string, dataDirs ...string) ([]string, error) {
	entries, err := os.ReadDir(directory)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list links to logs: %w", err)
	}
	var found []string
	for _, entry := range entries {
		path := filepath.Join(directory, entry.Name())
		target, err := os.Readlink(path)
		if err != nil {
			continue
		}
		for _, dataDir := range dataDirs {
			if isBelow(target, dataDir) {
				found = append(found, path)
				break
			}
		}
	}
	return found, nil
}

// cachedResults returns the files in which the CNI library keeps what it did for
// pods of ours: they are of our network and name our network namespaces.
func cachedResults(directory, dataDir string) ([]string, error) {
	entries, err := os.ReadDir(directory)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list networks of pods: %w", err)
	}
	var found []string
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), layout.CNINetwork+"-") {
			continue
		}
		path := filepath.Join(directory, entry.Name())
		data, err := os.ReadFile(path)
		if err == nil && bytes.Contains(data, []byte(`"`+strings.TrimSuffix(dataDir, "/")+"/")) {
			found = append(found, path)
		}
	}
	return found, nil
}

// remove deletes the files, but never through a mount: that is not our data.
func (f files) remove(context.Context) error {
	list, err := f.list()
	if err != nil {
		return err
	}
	mounted, err := f.mounts.left()
	if err != nil {
		return err
	}
	var errs []error
	for _, path := range list {
		errs = append(errs, removeAround(path, f.realPath(path), mounted))
	}
	// The directory above all nodes' sockets, if we were the last.
	_ = os.Remove(filepath.Dir(f.paths.ShimSockets))
	return errors.Join(errs...)
}

// realPath returns path as it is shown among mounts.
func (f files) realPath(path string) string {
	if rest, ok := strings.CutPrefix(path, f.target.DataDir); ok && (rest == "" || rest[0] == '/') {
		return f.real + rest
	}
	return path
}

// removeAround removes path, except for what is mounted in it and the
// directories that lead there; it returns an error that names these.
func removeAround(path, real string, mounted []string) error {
	var inside []string
	for _, point := range mounted {
		if point == real {
			return removeContents(path, real, mounted)
		}
		if isBelow(point, real) {
			inside = append(inside, point)
		}
	}
	if len(inside) == 0 {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("remove %s: %w", path, err)
		}
		return nil
	}
	return errors.Join(
		removeContents(path, real, inside),
		fmt.Errorf("%s is left, since something is mounted at %s; unmount it, then remove what is left", path, strings.Join(inside, ", ")))
}

// removeContents removes what is in a directory, which stays.
func removeContents(path, real string, mounted []string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return fmt.Errorf("remove %s: %w", path, err)
	}
	var errs []error
	for _, entry := range entries {
		child := filepath.Join(path, entry.Name())
		childReal := filepath.Join(real, entry.Name())
		isMount := false
		for _, point := range mounted {
			isMount = isMount || point == childReal
		}
		if isMount {
			continue
		}
		errs = append(errs, removeAround(child, childReal, mounted))
	}
	return errors.Join(errs...)
}
