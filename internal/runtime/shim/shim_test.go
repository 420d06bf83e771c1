package shim_test

import (
	"os/exec"
	"strings"
	"testing"
)

// The shim is only cheap as long as it is initialised before Kubernetes, hence
// depends on nothing that Go initialises after it: see the package comment.
func TestImportsStayLight(t *testing.T) {
	output, err := exec.Command("go", "list", "-deps", "github.com/bulkhead-k8s/bulkhead/internal/runtime/shim").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(output))
	if len(packages) < 100 {
		t.Fatalf("go list names only %d packages", len(packages))
	}
	for _, path := range packages {
		for _, late := range []string{"k8s.io/", "sigs.k8s.io/", "tags.cncf.io/"} {
			if strings.HasPrefix(path, late) {
				t.Errorf("the shim depends on %s, so all of k8s.io may be initialised before it", path)
			}
		}
	}
}
