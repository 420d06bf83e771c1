package shim_test

import (
	"os/exec"
	"strings"
	"testing"
)

// There is one shim per pod, so it carries nothing of Kubernetes.
func TestProgramStaysLight(t *testing.T) {
	const program = "github.com/bulkhead-k8s/bulkhead/cmd/bulkhead-containerd-shim"
	output, err := exec.Command("go", "list", "-deps", program).Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(output))
	if len(packages) < 100 {
		t.Fatalf("go list names only %d packages", len(packages))
	}
	for _, path := range packages {
		for _, heavy := range []string{"k8s.io/", "sigs.k8s.io/", "github.com/containerd/containerd/v2/client"} {
			if strings.HasPrefix(path, heavy) {
				t.Errorf("the shim depends on %s", path)
			}
		}
	}
}
