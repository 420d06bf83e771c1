package image

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Annotations by which containerd and others read an image's name out of an
// OCI layout.
const (
	annotationContainerdName = "io.containerd.image.name"
	annotationRefName        = "org.opencontainers.image.ref.name"
)

// archiveManifest is one row of docker save's manifest.json.
type archiveManifest struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// WriteArchive writes images under their names as a tar file that is an OCI
// layout and docker save's format at once, like docker's own since 25. What
// images share is written once. A name without a registry or tag is completed
// as docker does: "shop" becomes "docker.io/library/shop:latest".
func WriteArchive(w io.Writer, images map[string]v1.Image) error {
	if len(images) == 0 {
		return errors.New("write image archive: no images given")
	}
	a := archiveWriter{tw: tar.NewWriter(w), seen: map[v1.Hash]bool{}}
	index := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}
	var docker []archiveManifest
	for _, given := range slices.Sorted(maps.Keys(images)) {
		full, err := FullName(given)
		if err != nil {
			return err
		}
		desc, row, err := a.image(images[given])
		if err != nil {
			return fmt.Errorf("write image %s: %w", full, err)
		}
		ref, err := name.ParseReference(full)
		if err != nil {
			return fmt.Errorf("write image %s: %w", full, err)
		}
		desc.Annotations = map[string]string{annotationContainerdName: full, annotationRefName: ref.Identifier()}
		row.RepoTags = []string{full}
		index.Manifests = append(index.Manifests, desc)
		docker = append(docker, row)
	}
	return errors.Join(
		a.json("index.json", index),
		a.json("manifest.json", docker),
		a.json("oci-layout", map[string]string{"imageLayoutVersion": "1.0.0"}),
		a.tw.Close(),
	)
}

// WriteArchiveFile is WriteArchive into a file, which appears only when it is
// whole.
func WriteArchiveFile(path string, images map[string]v1.Image) error {
	part := path + ".part"
	f, err := os.Create(part)
	if err != nil {
		return fmt.Errorf("write image archive: %w", err)
	}
	defer os.Remove(part)
	if err := errors.Join(WriteArchive(f, images), f.Close()); err != nil {
		return err
	}
	return os.Rename(part, path)
}

// FullName completes an image's name: registry, repository and tag.
func FullName(given string) (string, error) {
	ref, err := name.ParseReference(given, name.WithDefaultRegistry("docker.io"), name.WithDefaultTag("latest"))
	if err != nil {
		return "", fmt.Errorf("image name %q: %w", given, err)
	}
	// The library calls docker's registry by its host name, which neither the
	// kubelet nor containerd uses.
	const host = "index.docker.io/"
	full := ref.Name()
	if len(full) > len(host) && full[:len(host)] == host {
		full = "docker.io/" + full[len(host):]
	}
	return full, nil
}

type archiveWriter struct {
	tw   *tar.Writer
	seen map[v1.Hash]bool
}

func (a *archiveWriter) image(img v1.Image) (v1.Descriptor, archiveManifest, error) {
	fail := func(err error) (v1.Descriptor, archiveManifest, error) {
		return v1.Descriptor{}, archiveManifest{}, err
	}
	layers, err := img.Layers()
	if err != nil {
		return fail(err)
	}
	var row archiveManifest
	for _, l := range layers {
		digest, err := l.Digest()
		if err != nil {
			return fail(err)
		}
		row.Layers = append(row.Layers, blobPath(digest))
		if err := a.layer(digest, l); err != nil {
			return fail(err)
		}
	}
	config, err := img.RawConfigFile()
	if err != nil {
		return fail(err)
	}
	configDigest, err := img.ConfigName()
	if err != nil {
		return fail(err)
	}
	manifest, err := img.RawManifest()
	if err != nil {
		return fail(err)
	}
	digest, err := img.Digest()
	if err != nil {
		return fail(err)
	}
	mediaType, err := img.MediaType()
	if err != nil {
		return fail(err)
	}
	cf, err := img.ConfigFile()
	if err != nil {
		return fail(err)
	}
	row.Config = blobPath(configDigest)
	desc := v1.Descriptor{
		MediaType: mediaType, Digest: digest, Size: int64(len(manifest)),
		Platform: &v1.Platform{OS: cf.OS, Architecture: cf.Architecture},
	}
	return desc, row, errors.Join(a.blob(configDigest, config), a.blob(digest, manifest))
}

func (a *archiveWriter) layer(digest v1.Hash, l v1.Layer) error {
	if a.seen[digest] {
		return nil
	}
	size, err := l.Size()
	if err != nil {
		return err
	}
	r, err := l.Compressed()
	if err != nil {
		return err
	}
	defer r.Close()
	if err := a.header(blobPath(digest), size); err != nil {
		return err
	}
	if _, err := io.Copy(a.tw, r); err != nil {
		return fmt.Errorf("layer %s: %w", digest, err)
	}
	a.seen[digest] = true
	return nil
}

func (a *archiveWriter) blob(digest v1.Hash, b []byte) error {
	if a.seen[digest] {
		return nil
	}
	a.seen[digest] = true
	return a.bytes(blobPath(digest), b)
}

func (a *archiveWriter) json(path string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return a.bytes(path, b)
}

func (a *archiveWriter) bytes(path string, b []byte) error {
	if err := a.header(path, int64(len(b))); err != nil {
		return err
	}
	_, err := a.tw.Write(b)
	return err
}

func (a *archiveWriter) header(path string, size int64) error {
	return a.tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: path, Mode: 0o644, Size: size, ModTime: epoch})
}

func blobPath(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }
