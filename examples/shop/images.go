package shop

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/image"
)

// Names of the images, as the manifests have them.
const (
	FrontImage    = "shop.example/front:1"
	APIImage      = "shop.example/api:1"
	PostgresImage = "shop.example/postgres:1"
)

// Ids under which the processes run; the manifests have the same ones.
const (
	appUID      = 1000
	postgresUID = 70
)

//go:embed manifests/*.yaml
var manifests embed.FS

// Manifests are the application's objects, one file a part.
func Manifests() fs.FS {
	sub, err := fs.Sub(manifests, "manifests")
	if err != nil {
		panic(err) // the embedded directory is part of this program
	}
	return sub
}

//go:embed front/server.js
var frontServer []byte

//go:embed front/page.js
var frontPage []byte

const module = "github.com/bulkhead-k8s/bulkhead/examples/shop/"

// Images assembles all images of the application. The current directory must
// be in this module, whose Go programs it compiles.
func Images(ctx context.Context, b image.Builder) (map[string]v1.Image, error) {
	images := map[string]v1.Image{}
	for name, build := range map[string]func(context.Context, image.Builder) (v1.Image, error){
		FrontImage:    front,
		APIImage:      api,
		PostgresImage: postgres,
	} {
		img, err := build(ctx, b)
		if err != nil {
			return nil, fmt.Errorf("image %s: %w", name, err)
		}
		images[name] = img
	}
	return images, nil
}

func front(ctx context.Context, b image.Builder) (v1.Image, error) {
	return b.FromDebian(ctx, image.Debian{
		Packages: []string{"nodejs"},
		Users:    []image.User{{Name: "app", UID: appUID}},
		Files: []image.File{
			{Path: "/app/server.js", Content: frontServer},
			{Path: "/app/page.js", Content: frontPage},
		},
	}, image.Config{
		Entrypoint: []string{"/usr/bin/node", "/app/server.js"}, WorkingDir: "/app",
		Env: []string{"NODE_ENV=production"}, User: fmt.Sprint(appUID), ExposedPorts: []string{"3000"},
	})
}

func api(ctx context.Context, b image.Builder) (v1.Image, error) {
	program, err := b.Build(ctx, image.GoBinary{Package: module + "api"})
	if err != nil {
		return nil, err
	}
	base, err := image.Base(image.User{Name: "app", UID: appUID})
	if err != nil {
		return nil, err
	}
	return b.FromFiles(append(base, image.File{Path: "/api", Source: program, Mode: 0o755}), image.Config{
		Entrypoint: []string{"/api"}, Cmd: []string{"serve"}, User: fmt.Sprint(appUID), ExposedPorts: []string{"8080"},
	})
}

func postgres(ctx context.Context, b image.Builder) (v1.Image, error) {
	program, err := b.Build(ctx, image.GoBinary{Package: module + "postgres"})
	if err != nil {
		return nil, err
	}
	return b.FromDebian(ctx, image.Debian{
		// initdb starts the server through a shell.
		Packages: []string{"postgresql", "dash"},
		Drop: []string{
			// The just-in-time compiler is switched off; its library is the
			// larger half of the image.
			"usr/lib/*/libLLVM*", "usr/lib/*/libz3*", "usr/lib/llvm-*", "usr/lib/postgresql/*/lib/bitcode", "usr/lib/postgresql/*/lib/llvmjit*",
			// Debian's cluster management, in Perl; the entry point replaces it.
			"usr/share/perl", "usr/share/perl5", "usr/lib/*/perl", "usr/lib/*/perl-base", "usr/lib/*/libperl*", "usr/bin/perl*",
			// Sources of locales; C.UTF-8 is built in.
			"usr/share/i18n", "usr/lib/*/gconv", "usr/share/postgresql/*/man",
		},
		Users: []image.User{{Name: "postgres", UID: postgresUID, Home: "/var/lib/postgresql", Shell: "/bin/sh"}},
		Files: []image.File{
			{Path: "/entrypoint", Source: program, Mode: 0o755},
			{Path: "/var/lib/postgresql/data", Mode: os.ModeDir | 0o700, UID: postgresUID, GID: postgresUID},
			{Path: "/run/postgresql", Mode: os.ModeDir | 0o755, UID: postgresUID, GID: postgresUID},
		},
	}, image.Config{
		Entrypoint: []string{"/entrypoint"}, User: fmt.Sprint(postgresUID), ExposedPorts: []string{"5432"},
		// A fast shutdown: it breaks connections off and writes a checkpoint.
		StopSignal: "SIGINT",
	})
}
