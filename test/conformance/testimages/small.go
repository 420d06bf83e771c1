package testimages

import (
	"context"
	"os"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/image"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime/sandbox"
)

func pause(_ context.Context, m maker) (v1.Image, error) { return m.pauseImage(m.name) }

// pauseImage has the sandbox's program: it waits, reaps, and ends when asked.
func (m maker) pauseImage(name string) (v1.Image, error) {
	program, err := sandbox.Program(runtime.GOARCH)
	if err != nil {
		return nil, err
	}
	m.name = name
	return m.FromFiles([]image.File{{Path: "/pause", Content: program, Mode: 0o755}},
		m.config(image.Config{Entrypoint: []string{"/pause"}, User: "65535:65535"}))
}

// noNewPrivileges has a set-user-id program that says as whom it runs.
func noNewPrivileges(ctx context.Context, m maker) (v1.Image, error) {
	program, err := m.Build(ctx, image.GoBinary{Package: "k8s.io/kubernetes/test/images/nonewprivs"})
	if err != nil {
		return nil, err
	}
	base, err := image.Base()
	if err != nil {
		return nil, err
	}
	return m.FromFiles(append(base,
		image.File{Path: "/usr/local/bin/nnp", Source: program, Mode: os.ModeSetuid | os.ModeSetgid | 0o755},
	), m.config(image.Config{Cmd: []string{"nnp"}}))
}

func etcd(ctx context.Context, m maker) (v1.Image, error) {
	return m.server(ctx, "/usr/local/bin/etcd", "go.etcd.io/etcd/server/v3", image.Config{ExposedPorts: []string{"2379", "2380"}})
}

func sampleAPIServer(ctx context.Context, m maker) (v1.Image, error) {
	return m.server(ctx, "/sample-apiserver", "k8s.io/sample-apiserver", image.Config{Entrypoint: []string{"/sample-apiserver"}})
}

// server is one Go program on the C library.
func (m maker) server(ctx context.Context, to, pkg string, cfg image.Config) (v1.Image, error) {
	program, err := m.program(ctx, to, pkg)
	if err != nil {
		return nil, err
	}
	return m.FromDebian(ctx, image.Debian{
		Packages: []string{"libc6", "ca-certificates", "busybox-static", "bash-static"},
		Drop:     []string{"usr/share/perl", "usr/share/perl5", "usr/lib/*/perl", "usr/lib/*/perl-base", "usr/bin/perl*"},
		Under:    busyboxLinks(),
		Files:    []image.File{program, shell("bash-static")},
	}, m.config(cfg))
}
