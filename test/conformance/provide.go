package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/image"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime/layout"
	"github.com/bulkhead-k8s/bulkhead/test/conformance/testimages"
)

// provideImages imports the images and, for the specs that pull although an
// image is there, serves them as a registry until takeBack is called.
func provideImages(ctx context.Context, o options) (takeBack func(), err error) {
	all, err := testimages.All(ctx, image.Builder{Logf: logf})
	if err != nil {
		return nil, err
	}
	if o.images {
		if err := importImages(ctx, o, all); err != nil {
			return nil, err
		}
	}
	return serveImages(o, all)
}

func importImages(ctx context.Context, o options, all map[string]v1.Image) error {
	if err := os.MkdirAll(o.cache, 0o755); err != nil {
		return fmt.Errorf("make cache: %w", err)
	}
	archive := filepath.Join(o.cache, "images.tar")
	if err := image.WriteArchiveFile(archive, all); err != nil {
		return err
	}
	logf("importing %d images", len(all))
	cmd := exec.CommandContext(ctx, o.bulkhead, "image", "import", "--data-dir", o.dataDir, archive)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("import images: %w", err)
	}
	return nil
}

func serveImages(o options, all map[string]v1.Image) (takeBack func(), err error) {
	handler, err := testimages.Mirror(all)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("serve images: %w", err)
	}
	restore, err := testimages.PointAt(layout.For(o.dataDir).Registries, l.Addr().String())
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	srv := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	return func() {
		err := errors.Join(restore(), srv.Close())
		if serr := <-ended; !errors.Is(serr, http.ErrServerClosed) {
			err = errors.Join(err, serr)
		}
		if err != nil {
			logf("stop serving images: %v", err)
		}
	}, nil
}
