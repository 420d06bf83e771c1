package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/bulkhead-k8s/bulkhead/internal/runtime/containerd"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime/shim"
	"github.com/bulkhead-k8s/bulkhead/test/hosts"
)

// netnsEnv says that this process runs in the network namespace of that name.
const netnsEnv = "BULKHEAD_TEST_NETNS"

// TestMain runs all tests in a network namespace of their own, where there is
// one to be had: those with containers change interfaces and packet filters. The
// tests' executable is also containerd and its shim, as the daemon's is.
func TestMain(m *testing.M) {
	switch {
	case shim.Called():
		shim.Main()
	case containerd.Called():
		containerd.Main()
	}
	if os.Getenv(netnsEnv) != "" || hosts.Supported() != nil {
		goleak.VerifyTestMain(m)
		return
	}
	code, err := inNamespace()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(code)
}

func inNamespace() (int, error) {
	ctx := context.Background()
	namespace, err := hosts.New(ctx, "bulkhead-runtime")
	if err != nil {
		return 0, err
	}
	executable, err := os.Executable()
	if err != nil {
		return 0, errors.Join(err, namespace.Close())
	}
	command := namespace.Command(ctx, executable, os.Args[1:]...)
	command.Env = append(os.Environ(), netnsEnv+"="+namespace.Name)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	err = command.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), namespace.Close()
	}
	return 0, errors.Join(err, namespace.Close())
}

// binDir returns a directory with the runc and the CNI plugins of `make build`,
// or skips. It has no containerd, so that the tests' executable is used.
func binDir(t *testing.T) string {
	t.Helper()
	if err := hosts.Supported(); err != nil {
		t.Skipf("containers: %v", err)
	}
	links := t.TempDir()
	for _, name := range []string{"runc", "cni"} {
		linkBuilt(t, links, name)
	}
	return links
}

// linkBuilt makes a link to what `make build` has built, or skips.
func linkBuilt(t *testing.T, directory, name string) {
	t.Helper()
	built, err := filepath.Abs(filepath.Join("..", "..", "bin", name)) // tests run in their package's folder
	if err == nil {
		_, err = os.Stat(built)
	}
	if err != nil {
		t.Skipf("containers: %v; `make build` builds it", err)
	}
	if err := os.Symlink(built, filepath.Join(directory, name)); err != nil {
		t.Fatal(err)
	}
}
