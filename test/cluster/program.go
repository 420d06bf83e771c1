package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"
)

// Program finds one of our programs: in the folder that BULKHEAD names (or
// beside the file that it names), else in bin below the module's root.
func Program(name string) (string, error) {
	folder := os.Getenv("BULKHEAD")
	if folder == "" {
		root, err := ModuleRoot()
		if err != nil {
			return "", err
		}
		folder = filepath.Join(root, "bin")
	}
	if info, err := os.Stat(folder); err == nil && !info.IsDir() {
		folder = filepath.Dir(folder)
	}
	path, err := filepath.Abs(filepath.Join(folder, name))
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%s is not built (run `make build`, or set BULKHEAD to the folder that holds it): %w", name, err)
	}
	return path, nil
}

// ModuleRoot is the folder with go.mod above the current one; go test runs
// tests in the folder of their package.
func ModuleRoot() (string, error) {
	directory, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(directory, "go.mod")); err == nil {
			return directory, nil
		}
		parent := filepath.Dir(directory)
		if parent == directory {
			return "", fmt.Errorf("find go.mod: %w", fs.ErrNotExist)
		}
		directory = parent
	}
}

// Supported says why no cluster with containers can run here, or nil.
func Supported() error {
	if os.Geteuid() != 0 {
		return errors.New("containers need root")
	}
	if _, err := os.Stat("/sys/fs/cgroup"); err != nil {
		return fmt.Errorf("containers need cgroups: %w", err)
	}
	return nil
}

func newFlagSet() *pflag.FlagSet { return pflag.NewFlagSet("cluster", pflag.ContinueOnError) }

// lastLines is the end of a file, or "".
func lastLines(path string, count int) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(lines[max(0, len(lines)-count):], "\n")
}
