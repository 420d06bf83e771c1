package reset

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// An ordinary user, who has simulated nodes only, could not reset: the folder of
// the CNI library's results is root's.
func TestOrdinaryUserResets(t *testing.T) {
	const name, variable = "TestOrdinaryUserResets", "BULKHEAD_RESET_DATA"
	if data := os.Getenv(variable); data != "" { // the test below, as nobody
		plan, err := Find(t.Context(), Target{DataDir: data, CgroupRoot: "/bulkhead-test-ordinary"})
		if err != nil {
			t.Fatal(err)
		}
		if len(plan.Items) != 1 || plan.Items[0] != (Item{KindFile, data}) {
			t.Errorf("plan = %v, want the data directory alone", plan.Items)
		}
		if err := plan.Apply(t.Context()); err != nil {
			t.Error(err)
		}
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root, to become somebody else")
	}
	const nobody = 65534
	parent, err := os.MkdirTemp("", "bh-reset-") // t.TempDir's parent is root's alone
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(parent)
	data := filepath.Join(parent, "data")
	write(t, filepath.Join(data, "etcd/db"), "x")
	for _, path := range []string{parent, data, filepath.Join(data, "etcd"), filepath.Join(data, "etcd/db")} {
		if err := os.Chown(path, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	program := filepath.Join(parent, "test")
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, self, 0o755); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(program, "-test.run=^"+name+"$")
	command.Dir = parent
	command.Env = []string{variable + "=" + data, "TMPDIR=" + parent}
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if output, err := command.CombinedOutput(); err != nil || !strings.Contains(string(output), "PASS") {
		t.Errorf("as nobody: %v\n%s", err, output)
	}
	if _, err := os.Stat(data); !os.IsNotExist(err) {
		t.Errorf("the data directory is still there: %v", err)
	}
}
