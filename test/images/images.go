// Package images makes the image of the tests' own program and gives it to a
// cluster. Its one rule: nothing is pulled from anywhere.
package images

import (
	"context"
	"fmt"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/admin"
	"github.com/bulkhead-k8s/bulkhead/internal/image"
)

// App is the name of the image of test/e2e/testapp.
const App = "e2e.bulkhead.dev/testapp:1"

// Build compiles the program and returns the path of an archive with its
// image, which the caller removes.
func Build(ctx context.Context) (string, error) {
	var builder image.Builder
	program, err := builder.Build(ctx, image.GoBinary{Package: "github.com/bulkhead-k8s/bulkhead/test/e2e/testapp"})
	if err != nil {
		return "", err
	}
	files, err := image.Base()
	if err != nil {
		return "", err
	}
	files = append(files,
		image.File{Path: "/bin/testapp", Source: program, Mode: 0o755},
		image.File{Path: "/bin/tar", Link: "testapp"}, // for `kubectl cp`
	)
	img, err := builder.FromFiles(files, image.Config{Entrypoint: []string{"/bin/testapp"}})
	if err != nil {
		return "", err
	}
	archive, err := os.CreateTemp("", "bulkhead-testapp-*.tar")
	if err != nil {
		return "", err
	}
	archive.Close()
	return archive.Name(), image.WriteArchiveFile(archive.Name(), map[string]v1.Image{App: img})
}

// Import builds the image and gives it to a running daemon.
func Import(ctx context.Context, daemon *admin.Client) error {
	archive, err := Build(ctx)
	if err != nil {
		return err
	}
	defer os.Remove(archive)
	return ImportFile(ctx, daemon, archive)
}

// ImportFile gives an archive that Build has made to a running daemon.
func ImportFile(ctx context.Context, daemon *admin.Client, archive string) error {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer file.Close()
	defer daemon.Close()
	got, err := daemon.ImportImages(ctx, file)
	if err != nil {
		return fmt.Errorf("import %s: %w", App, err)
	}
	if len(got) != 1 || got[0].Name != App {
		return fmt.Errorf("import %s: the daemon says that it got %+v", App, got)
	}
	return nil
}
