package runtime

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/pkg/archive/compression"
	"github.com/distribution/reference"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/admin"
)

// ErrNoName indicates that an archive says of none of its images what it is
// called.
var ErrNoName = errors.New("the archive names no image; save it with a name and a tag, as with `docker save NAME:TAG`")

// ImportImages reads an image archive (docker save or OCI layout as tar, plain,
// gzip or zstd), unpacks the images and returns them, once pods can use them. It
// waits for containerd.
func (r *Runtime) ImportImages(ctx context.Context, archive io.Reader) ([]admin.Image, error) {
	if err := r.waitUsable(ctx); err != nil {
		return nil, err
	}
	containerd, err := r.connection.containerd()
	if err != nil {
		return nil, err
	}
	plain, err := compression.DecompressStream(archive)
	if err != nil {
		return nil, fmt.Errorf("import images: %w", err)
	}
	defer plain.Close()

	// One lease for both steps: the import alone does not hold on to layers,
	// which are to go once they are unpacked.
	ctx, release, err := containerd.WithLease(ctx)
	if err != nil {
		return nil, fmt.Errorf("import images: %w", err)
	}
	defer func() { _ = release(context.WithoutCancel(ctx)) }() // it expires by itself otherwise
	imported, err := containerd.Import(ctx, plain,
		client.WithImageRefTranslator(fullName),
		client.WithDiscardUnpackedLayers(),
		client.WithSkipMissing())
	if err != nil {
		return nil, fmt.Errorf("import images: %w", err)
	}
	if len(imported) == 0 {
		return nil, fmt.Errorf("import images: %w", ErrNoName)
	}

	result := make([]admin.Image, 0, len(imported))
	for _, metadata := range imported {
		image := client.NewImage(containerd, metadata)
		if err := image.Unpack(ctx, r.options.Snapshotter); err != nil {
			return nil, fmt.Errorf("unpack image %s: %w", metadata.Name, err)
		}
		if err := r.waitForImage(ctx, image); err != nil {
			return nil, err
		}
		result = append(result, describeImage(ctx, image))
	}
	return result, nil
}

// fullName returns the full form of a name in an OCI layout ("nginx:1" is
// docker.io/library/nginx:1), or "" for what is only a tag.
func fullName(name string) string {
	if !strings.ContainsAny(name, "/:@") {
		return ""
	}
	named, err := reference.ParseDockerRef(name)
	if err != nil {
		return name // containerd refuses it with its reason
	}
	return named.String()
}

// waitForImage returns once the CRI knows the image: it learns of it by an event
// of containerd's, some milliseconds later.
func (r *Runtime) waitForImage(ctx context.Context, image client.Image) error {
	config, err := image.Config(ctx)
	if err != nil {
		return fmt.Errorf("read image %s: %w", image.Name(), err)
	}
	known, err := r.connection.images()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for delay := time.Millisecond; ; delay = min(2*delay, 100*time.Millisecond) {
		status, err := known.ImageStatus(ctx, &cri.ImageStatusRequest{Image: &cri.ImageSpec{Image: image.Name()}})
		if err == nil && status.GetImage().GetId() == config.Digest.String() {
			return nil
		}
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return fmt.Errorf("image %s is stored, but the CRI does not know it: %w", image.Name(), cmp.Or(err, ctx.Err()))
		}
	}
}

// ListImages returns the images by name. It waits for containerd.
func (r *Runtime) ListImages(ctx context.Context) ([]admin.Image, error) {
	if err := r.waitUsable(ctx); err != nil {
		return nil, err
	}
	containerd, err := r.connection.containerd()
	if err != nil {
		return nil, err
	}
	stored, err := containerd.ImageService().List(ctx)
	if err != nil {
		return nil, fmt.Errorf("list images: %w", err)
	}
	var result []admin.Image
	for _, metadata := range stored {
		if isImageID(metadata) {
			continue
		}
		result = append(result, describeImage(ctx, client.NewImage(containerd, metadata)))
	}
	slices.SortFunc(result, func(a, b admin.Image) int { return cmp.Compare(a.Name, b.Name) })
	return result, nil
}

// isImageID says whether this is the CRI's second entry for an image, whose name
// is the image's id.
func isImageID(image images.Image) bool { return strings.HasPrefix(image.Name, "sha256:") }

func describeImage(ctx context.Context, image client.Image) admin.Image {
	// By what the manifest says, since the layers themselves are gone once they
	// are unpacked. An image that is not whole is listed with size 0.
	size, _ := image.Usage(ctx, client.WithUsageManifestLimit(1), client.WithManifestUsage())
	return admin.Image{
		Name:      image.Name(),
		Digest:    image.Target().Digest.String(),
		SizeBytes: size,
		Created:   image.Metadata().CreatedAt,
	}
}
