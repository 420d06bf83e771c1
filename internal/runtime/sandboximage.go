package runtime

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strings"

	"github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"

	"github.com/bulkhead-k8s/bulkhead/internal/runtime/sandbox"
)

// Labels by which the CRI knows that an image is its own and not to be removed.
const (
	criImageLabel  = "io.cri-containerd.image"
	criPinnedLabel = "io.cri-containerd.pinned"
)

// importSandboxImage makes sure that containerd has the sandbox image, unpacked.
func (r *Runtime) importSandboxImage(ctx context.Context) (err error) {
	end := r.options.Stages.BeginDetail("sandbox image there")
	defer func() { end(err) }()
	assembled, err := sandbox.Assemble(goruntime.GOARCH)
	if err != nil {
		return err
	}
	containerd, err := r.connection.containerd()
	if err != nil {
		return err
	}
	if err := r.ensureSandboxImage(ctx, containerd, assembled); err != nil {
		return fmt.Errorf("import sandbox image: %w", err)
	}
	return nil
}

// writeSandboxRegistry makes a pull of the sandbox image fail at once: there is
// nothing to pull it from, and containerd tries when it is not there yet.
func (r *Runtime) writeSandboxRegistry() error {
	registry, _, _ := strings.Cut(SandboxImage, "/")
	path := filepath.Join(r.paths.Registries, registry, "hosts.toml")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	_, err := writeFile(path, []byte("# Assembled by Bulkhead and pulled from nowhere.\nserver = \"http://127.0.0.1:1\"\n"), 0o600)
	return err
}

func (r *Runtime) ensureSandboxImage(ctx context.Context, containerd *client.Client, assembled *sandbox.Image) error {
	target := assembled.Manifest.Descriptor
	present, err := containerd.ImageService().Get(ctx, SandboxImage)
	if err == nil && present.Target.Digest == target.Digest {
		_, err := containerd.SnapshotService(r.options.Snapshotter).Stat(ctx, assembled.ChainID.String())
		if err == nil {
			return r.waitForImage(ctx, client.NewImage(containerd, present))
		}
	} else if err != nil && !errdefs.IsNotFound(err) {
		return err
	}

	ctx, release, err := containerd.WithLease(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = release(context.WithoutCancel(ctx)) }()
	// Labels that keep the garbage collector from what the manifest refers to.
	references := map[string]string{
		"containerd.io/gc.ref.content.config": assembled.Config.Descriptor.Digest.String(),
		"containerd.io/gc.ref.content.l.0":    assembled.Layer.Descriptor.Digest.String(),
	}
	for _, part := range []struct {
		blob    sandbox.Blob
		options []content.Opt
	}{
		{blob: assembled.Layer},
		{blob: assembled.Config},
		{assembled.Manifest, []content.Opt{content.WithLabels(references)}},
	} {
		descriptor := part.blob.Descriptor
		err := content.WriteBlob(ctx, containerd.ContentStore(), "bulkhead-"+descriptor.Digest.String(),
			bytes.NewReader(part.blob.Data), descriptor, part.options...)
		if err != nil {
			return err
		}
	}
	image := images.Image{
		Name: SandboxImage, Target: target,
		Labels: map[string]string{criImageLabel: "managed", criPinnedLabel: "pinned"},
	}
	// By id too, as the CRI names an image that a container uses.
	for _, name := range []string{assembled.Config.Descriptor.Digest.String(), SandboxImage} {
		image.Name = name
		if _, err := containerd.ImageService().Create(ctx, image); errdefs.IsAlreadyExists(err) {
			_, err = containerd.ImageService().Update(ctx, image)
			if err != nil {
				return err
			}
		} else if err != nil {
			return err
		}
	}
	unpacked := client.NewImage(containerd, image)
	if err := unpacked.Unpack(ctx, r.options.Snapshotter); err != nil {
		return err
	}
	return r.waitForImage(ctx, unpacked)
}
