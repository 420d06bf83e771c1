package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// upstreamPrograms are what upstream's side runs.
var upstreamPrograms = []struct{ name, pkg string }{
	{"etcd", "go.etcd.io/etcd/server/v3"},
	{"kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"},
	{"kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager"},
	{"kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"},
	{"kubelet", "k8s.io/kubernetes/cmd/kubelet"},
	{"kube-proxy", "k8s.io/kubernetes/cmd/kube-proxy"},
	{"containerd", "github.com/containerd/containerd/v2/cmd/containerd"},
	{"containerd-shim-runc-v2", "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2"},
	// Not github.com/coredns/coredns, whose 50 plugins bring the SDKs of three
	// clouds: see the package's comment.
	{"coredns", "github.com/bulkhead-k8s/bulkhead/bench/boot/coredns"},
}

// buildUpstream builds what is missing in dir, from the modules of go.mod and
// with the flags of build/build.sh, so that the packages come out of the same
// build cache and the versions are the same.
func buildUpstream(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, p := range upstreamPrograms {
		path := filepath.Join(dir, p.name)
		if _, err := os.Stat(path); err == nil {
			continue
		}
		args := append([]string{"build"}, strings.Fields(os.Getenv("GO_BUILD_FLAGS"))...)
		ldflags, err := versionFlags(ctx)
		if err != nil {
			return err
		}
		cmd := exec.CommandContext(ctx, "go", append(args, "-ldflags", ldflags, "-o", path, p.pkg)...)
		fmt.Fprintln(os.Stderr, "build", p.pkg)
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("build upstream's %s: %w", p.name, err)
		}
	}
	return nil
}

// versionFlags are what Kubernetes' release scripts set; without them it reports
// v0.0.0 and its components refuse each other.
func versionFlags(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Version}}", "k8s.io/kubernetes").Output()
	if err != nil {
		return "", fmt.Errorf("find the version of k8s.io/kubernetes: %w", err)
	}
	version := strings.TrimSpace(string(out))
	parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	if len(parts) != 3 {
		return "", fmt.Errorf("version of k8s.io/kubernetes %q: want vMAJOR.MINOR.PATCH", version)
	}
	var flags strings.Builder
	flags.WriteString("-s -w")
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		fmt.Fprintf(&flags, " -X %[1]s.gitVersion=%[2]s -X %[1]s.gitMajor=%[3]s -X %[1]s.gitMinor=%[4]s", pkg, version, parts[0], parts[1])
	}
	return flags.String(), nil
}
