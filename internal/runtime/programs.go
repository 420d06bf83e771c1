package runtime

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// The names of programs that the daemon's executable can be too; they are those
// of the packages containerd and shim, which this one does not import, so that
// nobody carries containerd for wanting to talk to it.
const (
	containerdName = "containerd"
	shimName       = "containerd-shim-runc-v2"
)

// The same programs beside the daemon; their names are not those of a
// containerd that the host may have there.
var besideNames = map[string]string{
	containerdName: "bulkhead-containerd",
	shimName:       "bulkhead-containerd-shim",
}

// ErrMissingProgram indicates that a program that pods need is not installed.
var ErrMissingProgram = errors.New("a program is missing")

func ownExecutable() (string, error) {
	executable, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find own executable: %w", err)
	}
	return filepath.EvalSymlinks(executable)
}

// Beside is the path of a program in the directory of this one.
func Beside(name string) (string, error) {
	own, err := ownExecutable()
	if err != nil {
		return "", err
	}
	return filepath.Join(filepath.Dir(own), name), nil
}

// findProgram returns containerd or its shim: the program beside us, which was built with
// us and is small, else the daemon's executable, which is the same program when
// it is called by that name, at the price in package shim's comment.
func findProgram(binDir, name, daemon string) string {
	if beside := filepath.Join(binDir, besideNames[name]); executable(beside) {
		return beside
	}
	return daemon
}

// linkPrograms makes links in bin to programs, by name: to containerd and its
// shim, so that the daemon's executable can be them, and to the OCI runtime,
// which the shim looks for in its PATH where it is asked without a pod.
func linkPrograms(bin string, programs map[string]string) error {
	for name, program := range programs {
		link := filepath.Join(bin, name)
		if target, err := os.Readlink(link); err == nil && target == program {
			continue
		}
		// By renaming, since a shim may be started at any moment.
		temporary := link + ".new"
		if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("link %s: %w", name, err)
		}
		if err := os.Symlink(program, temporary); err != nil {
			return fmt.Errorf("link %s: %w", name, err)
		}
		if err := os.Rename(temporary, link); err != nil {
			return fmt.Errorf("link %s: %w", name, err)
		}
	}
	return nil
}

// findCNI returns the directory of the CNI plugins.
func findCNI(binDir string) (string, error) {
	directory := filepath.Join(binDir, "cni")
	for _, plugin := range []string{"bridge", "host-local", "portmap"} {
		if _, err := exec.LookPath(filepath.Join(directory, plugin)); err != nil {
			return "", fmt.Errorf("%w: CNI plugin %s in %s; `make build` puts it there", ErrMissingProgram, plugin, directory)
		}
	}
	return directory, nil
}

// findRunC returns the OCI runtime: runc beside us, which was built with us,
// else the host's runc or crun if it is recent enough.
func findRunC(ctx context.Context, binDir string) (string, error) {
	if beside := filepath.Join(binDir, "runc"); executable(beside) {
		return beside, nil
	}
	var errs []error
	for _, name := range []string{"runc", "crun"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		output, err := exec.CommandContext(ctx, path, "--version").Output()
		if err == nil {
			err = checkRunCVersion(string(output))
		}
		if err == nil {
			return path, nil
		}
		errs = append(errs, fmt.Errorf("%s cannot be used: %w", path, err))
	}
	return "", errors.Join(append(errs,
		fmt.Errorf("%w: runc in %s; `make build` puts it there, or install Debian's package runc", ErrMissingProgram, binDir))...)
}

func executable(path string) bool {
	_, err := exec.LookPath(path)
	return err == nil
}

// Oldest releases that know cgroup v2 and what the kubelet sends: runc 1.1 and
// crun 1.4.
var (
	oldestRunC = map[string][2]int{"runc": {1, 1}, "crun": {1, 4}}
	runCLine   = regexp.MustCompile(`(?m)^(runc|crun) version v?(\d+)\.(\d+)`)
)

// checkRunCVersion refuses runtimes that are too old, by what their --version
// prints.
func checkRunCVersion(output string) error {
	match := runCLine.FindStringSubmatch(output)
	if match == nil {
		return fmt.Errorf("its --version names neither runc nor crun: %.80q", output)
	}
	major, _ := strconv.Atoi(match[2]) // digits, by the expression
	minor, _ := strconv.Atoi(match[3])
	oldest := oldestRunC[match[1]]
	if major < oldest[0] || major == oldest[0] && minor < oldest[1] {
		return fmt.Errorf("%s %d.%d is too old, want %d.%d or newer", match[1], major, minor, oldest[0], oldest[1])
	}
	return nil
}
