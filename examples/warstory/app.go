package warstory

import (
	"context"
	"embed"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/image"
)

const (
	// Namespace has all of it.
	Namespace = "warstory"
	// Server is the Deployment that fails, Container its container.
	Server    = "pages"
	Container = "node"
	// Image is the one image, as the manifests have it.
	Image = "warstory.example/pages:1"
)

// appUID is the user of the processes; the manifests have the same one.
const appUID = 1000

//go:embed app/*.js manifests/*.yaml
var files embed.FS

// Build assembles the image from Debian's Node.js.
func Build(ctx context.Context, b image.Builder) (map[string]v1.Image, error) {
	var app []image.File
	for _, name := range []string{"server.js", "visitors.js"} {
		content, err := files.ReadFile("app/" + name)
		if err != nil {
			return nil, err
		}
		app = append(app, image.File{Path: "/app/" + name, Content: content})
	}
	img, err := b.FromDebian(ctx, image.Debian{
		Packages: []string{"nodejs"},
		Users:    []image.User{{Name: "app", UID: appUID}},
		Files:    app,
	}, image.Config{
		Entrypoint: []string{"/usr/bin/node", "--abort-on-uncaught-exception"}, Cmd: []string{"/app/server.js"}, WorkingDir: "/app",
		Env: []string{"NODE_ENV=production"}, User: fmt.Sprint(appUID), ExposedPorts: []string{"8080"},
	})
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", Image, err)
	}
	return map[string]v1.Image{Image: img}, nil
}
