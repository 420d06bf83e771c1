package testimages

import (
	"bytes"
	"encoding/json"
	"io"
	"path"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/bulkhead-k8s/bulkhead/internal/image"
)

// registryRoot is what `agnhost fake-registry-server` serves: under the name of
// an image, manifests and blobs by digest, and a file for each tag that holds
// the digest.
const registryRoot = "/var/registry"

// registryFiles hold the one image that specs pull from that registry,
// pause:testing.
func (m maker) registryFiles() ([]image.File, error) {
	img, err := m.pauseImage("pause:testing")
	if err != nil {
		return nil, err
	}
	index := mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), mutate.IndexAddendum{
		Add:        img,
		Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: runtime.GOARCH}},
	})
	list, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	rawList, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	listDigest, _, err := v1.SHA256(bytes.NewReader(rawList))
	if err != nil {
		return nil, err
	}
	manifest, err := img.RawManifest()
	if err != nil {
		return nil, err
	}
	digest, err := img.Digest()
	if err != nil {
		return nil, err
	}
	config, err := img.RawConfigFile()
	if err != nil {
		return nil, err
	}
	configDigest, err := img.ConfigName()
	if err != nil {
		return nil, err
	}
	dir := path.Join(registryRoot, "pause")
	files := []image.File{
		{Path: path.Join(dir, "manifests", "testing"), Content: []byte(listDigest.String() + "\n")},
		{Path: registryPath(dir, "manifests", listDigest), Content: rawList},
		{Path: registryPath(dir, "manifests", digest), Content: manifest},
		{Path: registryPath(dir, "blobs", configDigest), Content: config},
	}
	layers, err := img.Layers()
	if err != nil {
		return nil, err
	}
	for _, l := range layers {
		f, err := layerFile(dir, l)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

func layerFile(dir string, l v1.Layer) (image.File, error) {
	digest, err := l.Digest()
	if err != nil {
		return image.File{}, err
	}
	r, err := l.Compressed()
	if err != nil {
		return image.File{}, err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	return image.File{Path: registryPath(dir, "blobs", digest), Content: b}, err
}

func registryPath(dir, kind string, h v1.Hash) string {
	return path.Join(dir, kind, h.Algorithm, h.Hex[:2], h.Hex, "data")
}
