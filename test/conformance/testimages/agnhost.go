package testimages

import (
	"context"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/image"
)

// agnhost is upstream's test program with the tools that specs run beside it.
// The original stands on Alpine; what needs musl there needs only busybox's
// tools, which are here, too.
func agnhost(ctx context.Context, m maker) (v1.Image, error) {
	return m.agnhost(ctx, image.Config{Cmd: []string{"pause"}})
}

func (m maker) agnhost(ctx context.Context, cfg image.Config, more ...image.File) (v1.Image, error) {
	program, err := m.program(ctx, "/agnhost", "k8s.io/kubernetes/test/images/agnhost")
	if err != nil {
		return nil, err
	}
	dns, err := m.program(ctx, "/coredns", "github.com/bulkhead-k8s/bulkhead/test/conformance/coredns")
	if err != nil {
		return nil, err
	}
	registry, err := m.registryFiles()
	if err != nil {
		return nil, err
	}
	files := []image.File{
		program,
		shell("bash"),
		{Path: "/agnhost-2", Link: "agnhost"},
		dns,
		{Path: "/uploads", Mode: os.ModeDir | 0o755},
		m.source("/localhost.crt", "test", "images", "agnhost", "porter", "localhost.crt"),
		m.source("/localhost.key", "test", "images", "agnhost", "porter", "localhost.key"),
		{Path: "/bin/nc", Link: "nc.openbsd"},
		{Path: "/usr/local/bin/iperf", Link: "/usr/bin/iperf"},
	}
	cfg.Entrypoint = []string{"/agnhost"}
	cfg.ExposedPorts = []string{"80", "8080", "8081", "9376", "5000"}
	return m.FromDebian(ctx, image.Debian{
		Packages: []string{
			"busybox-static", "bash", "bind9-dnsutils", "curl", "netcat-openbsd", "iproute2", "iperf", "socat",
			"util-linux", "libc-bin", "ca-certificates",
		},
		Drop:  []string{"usr/share/perl", "usr/share/perl5", "usr/lib/*/perl", "usr/lib/*/perl-base", "usr/lib/*/libperl*", "usr/bin/perl*"},
		Under: busyboxLinks(),
		Files: append(append(files, registry...), more...),
		Users: []image.User{
			// A spec reads the groups of this account from the image.
			{Name: "user-defined-in-image", UID: 1000, Groups: []image.Group{{Name: "group-defined-in-image", GID: 50000}}},
		},
	}, m.config(cfg))
}

// webPage is agnhost's web server with a picture and its description.
func webPage(name string) func(context.Context, maker) (v1.Image, error) {
	return func(ctx context.Context, m maker) (v1.Image, error) {
		picture := name + ".jpg"
		return m.agnhost(ctx, image.Config{Cmd: []string{"test-webserver"}},
			m.source("/"+picture, "test", "images", name, "html", picture),
			m.source("/data.json", "test", "images", name, "html", "data.json"))
	}
}
