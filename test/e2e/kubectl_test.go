package e2e

import (
	"context"
	"os"
	"os/exec"
	"strings"

	"github.com/bulkhead-k8s/bulkhead/test/cluster"
)

// kubectlCommand prepares the daemon's own kubectl in the test's namespace.
func (s *space) kubectlCommand(ctx context.Context, args ...string) *exec.Cmd {
	s.Helper()
	program, err := cluster.Program("bulkheadd")
	s.must(err)
	kubeconfig := os.Getenv("KUBECONFIG_E2E")
	if kubeconfig == "" {
		kubeconfig = ours.Config.WriteKubeconfig
	}
	return exec.CommandContext(ctx, program, append([]string{"kubectl", "--kubeconfig", kubeconfig, "--namespace", s.name}, args...)...)
}

// kubectl runs it to its end and returns what it wrote.
func (s *space) kubectl(args ...string) string {
	s.Helper()
	return s.kubectlWithInput("", args...)
}

func (s *space) kubectlWithInput(input string, args ...string) string {
	s.Helper()
	cmd := s.kubectlCommand(s.ctx, args...)
	cmd.Stdin = strings.NewReader(input)
	said, err := cmd.CombinedOutput()
	if err != nil {
		s.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, said)
	}
	return string(said)
}
