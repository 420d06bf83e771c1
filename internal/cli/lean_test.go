package cli

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

const program = "github.com/bulkhead-k8s/bulkhead/cmd/bulkhead"

// heavy is what the CLI must not link: each costs tens of milliseconds at every
// start, or cgo. `why` needs the types of k8s.io/api and a client for any cluster;
// of client-go it has the plain one, which starts in 3 ms, and neither the typed
// clients with their scheme of every type nor the informers built on them.
var heavy = []string{"k8s.io/kubernetes", "k8s.io/client-go/kubernetes", "k8s.io/client-go/informers", "k8s.io/client-go/applyconfigurations",
	"k8s.io/client-go/discovery", "k8s.io/kubectl", "github.com/prometheus/client_golang", "github.com/containerd/containerd", "go.etcd.io/etcd", "runtime/cgo"}

func TestDependsOnNothingHeavy(t *testing.T) {
	packages := goTool(t, "linux", "list", "-deps", program)
	for line := range strings.Lines(packages) {
		for _, prefix := range heavy {
			if strings.HasPrefix(line, prefix) {
				t.Errorf("the CLI depends on %s", strings.TrimSpace(line))
			}
		}
	}
}

func TestBuildsForOtherSystems(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the CLI twice")
	}
	for _, system := range []string{"darwin", "windows"} {
		goTool(t, system, "build", "-o", os.DevNull, program)
	}
}

func goTool(t *testing.T, system string, args ...string) string {
	t.Helper()
	command := exec.Command("go", args...)
	command.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0")
	var said strings.Builder
	command.Stderr = &said
	output, err := command.Output()
	if err != nil {
		t.Fatalf("go %s for %s: %v\n%s", strings.Join(args, " "), system, err, said.String())
	}
	return string(output)
}
