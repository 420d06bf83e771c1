package e2e

import (
	"context"
	"fmt"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/image"
	"github.com/bulkhead-k8s/bulkhead/test/cluster"
)

// testImage is the name of testapp's image.
const testImage = "e2e.bulkhead.dev/testapp:1"

// buildImage compiles testapp and returns an archive with its image.
func buildImage(ctx context.Context) (string, error) {
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
	archive, err := os.CreateTemp("", "bulkhead-e2e-*.tar")
	if err != nil {
		return "", err
	}
	archive.Close()
	return archive.Name(), image.WriteArchiveFile(archive.Name(), map[string]v1.Image{testImage: img})
}

func importImage(ctx context.Context, c *cluster.Cluster, archive string) error {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer file.Close()
	client := c.Admin()
	defer client.Close()
	images, err := client.ImportImages(ctx, file)
	if err != nil {
		return fmt.Errorf("import testapp's image: %w", err)
	}
	if len(images) != 1 || images[0].Name != testImage {
		return fmt.Errorf("import testapp's image: the daemon says that it got %+v", images)
	}
	return nil
}
