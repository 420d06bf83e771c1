package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// load is what came of asking a Service without a pause.
type load struct {
	Requests, Failed int
	Versions         map[string]int
	Failures         []string
}

// helm is Helm 4, built from the version in go.mod, on the test's namespace.
func (s *space) helm(program string, args ...string) string {
	s.Helper()
	cmd := exec.CommandContext(s.ctx, program, args...)
	home := s.TempDir()
	kubeconfig := os.Getenv("KUBECONFIG_E2E")
	if kubeconfig == "" {
		kubeconfig = ours.Config.WriteKubeconfig
	}
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "HELM_NAMESPACE="+s.name,
		"HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home)
	said, err := cmd.CombinedOutput()
	if err != nil {
		s.Fatalf("helm %s: %v\n%s", strings.Join(args, " "), err, said)
	}
	return string(said)
}

// buildHelm compiles Helm, which the build cache makes a matter of seconds from
// the second time on.
func buildHelm(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "helm")
	said, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "helm.sh/helm/v4/cmd/helm").CombinedOutput()
	if err != nil {
		t.Fatalf("build helm: %v\n%s", err, said)
	}
	return program
}

func TestHelmUpgradeFailsNoRequest(t *testing.T) {
	requireCluster(t)
	t.Parallel()
	program := buildHelm(t) // before the test's own time begins
	s := newSerialSpace(t)
	if version := s.helm(program, "version", "--template", "{{.Version}}"); !strings.HasPrefix(version, "v4.") {
		t.Errorf("helm is %s", version)
	}
	s.start("client", server())
	wait := []string{"--wait", "--timeout", "60s"}
	s.helm(program, append([]string{"install", "web", "testdata/chart"}, wait...)...)
	s.eventually(10*time.Second, "the release answers", func() error {
		_, err := s.fetch("client", "web")
		return err
	})

	during := func(what string, change func()) load {
		s.post("client", "/load/start", "url", "http://web/", "interval", "20ms")
		change()
		var result load
		s.must(json.Unmarshal([]byte(s.post("client", "/load/stop")), &result))
		t.Logf("%s: %d requests, %d failed, by version %v", what, result.Requests, result.Failed, result.Versions)
		if result.Failed > 0 || result.Requests < 50 {
			t.Errorf("%s: %d of %d requests failed, such as %q", what, result.Failed, result.Requests, result.Failures)
		}
		return result
	}
	upgrade := during("upgrade", func() {
		s.helm(program, append([]string{"upgrade", "web", "testdata/chart", "--set", "version=two"}, wait...)...)
	})
	if upgrade.Versions["one"] == 0 || upgrade.Versions["two"] == 0 {
		t.Errorf("the load did not run through the upgrade: %v", upgrade.Versions)
	}
	during("rollback", func() { s.helm(program, append([]string{"rollback", "web", "1"}, wait...)...) })
	s.eventually(20*time.Second, "the release is back at version one", func() error {
		a, err := s.fetch("client", "web")
		if err == nil && a.Version != "one" {
			err = wantError(nil, "version one, not "+a.Version)
		}
		return err
	})
	if history := s.helm(program, "history", "web", "--output", "json"); strings.Count(history, `"revision"`) != 3 {
		t.Errorf("history: %s", history)
	}

	s.helm(program, append([]string{"uninstall", "web"}, wait...)...)
	_, err := kube.AppsV1().Deployments(s.name).Get(s.ctx, "web", metav1.GetOptions{})
	s.must(wantNotFound(err))
	_, err = kube.CoreV1().Services(s.name).Get(s.ctx, "web", metav1.GetOptions{})
	s.must(wantNotFound(err))
	if list := s.helm(program, "list", "--short"); strings.TrimSpace(list) != "" {
		t.Errorf("after uninstall, helm lists %q", list)
	}
}
