package suite

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// Programs are the compiled parts of the suite.
type Programs struct {
	// KubernetesVersion is that of the suite, with its v.
	KubernetesVersion string
	E2E               string
	Ginkgo            string
	Kubectl           string
}

const (
	suitePackage   = "k8s.io/kubernetes/test/e2e"
	ginkgoPackage  = "github.com/onsi/ginkgo/v2/ginkgo"
	kubectlPackage = "k8s.io/kubernetes/cmd/kubectl"
	versionPackage = "k8s.io/component-base/version"
)

// Build compiles the suite into a directory below cacheDir that stands for the
// versions of all its modules and of Go, and does nothing if it is there. The
// first time takes minutes.
func Build(ctx context.Context, cacheDir string, logf func(format string, args ...any)) (Programs, error) {
	version, key, err := versions(ctx)
	if err != nil {
		return Programs{}, err
	}
	dir := filepath.Join(cacheDir, "suite", version+"-"+key)
	p := Programs{
		KubernetesVersion: version,
		E2E:               filepath.Join(dir, "e2e.test"),
		Ginkgo:            filepath.Join(dir, "ginkgo"),
		Kubectl:           filepath.Join(dir, "kubectl"),
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Programs{}, fmt.Errorf("make directory for the suite: %w", err)
	}
	ldflags := versionFlags(version)
	for _, one := range []struct {
		out  string
		args []string
	}{
		{p.Ginkgo, []string{"build", "-trimpath", "-ldflags", "-s -w", ginkgoPackage}},
		{p.Kubectl, []string{"build", "-trimpath", "-ldflags", ldflags, kubectlPackage}},
		// Vet would look at all of Kubernetes again.
		{p.E2E, []string{"test", "-c", "-vet=off", "-trimpath", "-ldflags", ldflags, suitePackage}},
	} {
		if _, err := os.Stat(one.out); err == nil {
			continue
		}
		logf("compiling %s", one.args[len(one.args)-1])
		if err := goBuild(ctx, one.out, one.args); err != nil {
			return Programs{}, err
		}
	}
	return p, nil
}

// goBuild lets out appear only when it is whole.
func goBuild(ctx context.Context, out string, args []string) error {
	part := out + ".part"
	last := len(args) - 1
	args = append(append(args[:last:last], "-o", part), args[last])
	if _, err := goCommand(ctx, args...); err != nil {
		return fmt.Errorf("compile %s: %w", args[len(args)-1], err)
	}
	return os.Rename(part, out)
}

// versionFlags make the programs say which version they are: kubectl's and the
// suite's answers depend on it.
func versionFlags(version string) string {
	major, rest, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	minor, _, _ := strings.Cut(rest, ".")
	return fmt.Sprintf("-s -w -X %[1]s.gitVersion=%[2]s -X %[1]s.gitMajor=%[3]s -X %[1]s.gitMinor=%[4]s -X %[1]s.gitTreeState=clean",
		versionPackage, version, major, minor)
}

// Version is that of the suite, from go.mod.
func Version(ctx context.Context) (string, error) {
	version, _, err := versions(ctx)
	return version, err
}

// versions returns that of Kubernetes and a key for all that is compiled.
func versions(ctx context.Context) (kubernetes, key string, err error) {
	out, err := goCommand(ctx, "list", "-m", "-json=Version,GoMod", "k8s.io/kubernetes")
	if err != nil {
		return "", "", fmt.Errorf("find the version of Kubernetes in go.mod: %w", err)
	}
	var m struct{ Version string }
	if err := json.Unmarshal(out, &m); err != nil {
		return "", "", fmt.Errorf("find the version of Kubernetes in go.mod: %w", err)
	}
	if out, err = goCommand(ctx, "env", "GOMOD"); err != nil {
		return "", "", err
	}
	gomod, err := os.ReadFile(strings.TrimSpace(string(out)))
	if err != nil {
		return "", "", fmt.Errorf("read versions of modules: %w", err)
	}
	sum := sha256.Sum256(fmt.Appendf(gomod, "%s %s", runtime.Version(), runtime.GOARCH))
	return m.Version, fmt.Sprintf("%x", sum[:6]), nil
}

func goCommand(ctx context.Context, args ...string) ([]byte, error) {
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) {
		return nil, errors.New("the go command is not on this machine; install Go")
	}
	if err != nil {
		return nil, fmt.Errorf("go %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return out, nil
}
