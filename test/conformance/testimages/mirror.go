package testimages

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// registryHost is where every image of the suite comes from.
const registryHost = "registry.k8s.io"

// ours begins the file that PointAt writes, so that what a run left behind when
// it was killed does not keep the next one from running.
const ours = "# Written for a run of the conformance suite.\n"

// Mirror answers as a registry that has these images and takes no others. Some
// specs pull an image although it is there.
func Mirror(images map[string]v1.Image) (http.Handler, error) {
	m := mirror{manifests: map[string]v1.Image{}, blobs: map[string]v1.Layer{}, configs: map[string][]byte{}}
	for name, img := range images {
		rest, ok := strings.CutPrefix(name, registryHost+"/")
		if !ok {
			return nil, fmt.Errorf("image %s: not of %s", name, registryHost)
		}
		if err := m.add(rest, img); err != nil {
			return nil, fmt.Errorf("image %s: %w", name, err)
		}
	}
	return m, nil
}

// PointAt makes the node's containerd ask the mirror first, by a file in its
// directory of registries. The function returned takes the file away again.
func PointAt(registriesDir, address string) (restore func() error, err error) {
	dir := filepath.Join(registriesDir, registryHost)
	file := filepath.Join(dir, "hosts.toml")
	if old, err := os.ReadFile(file); err == nil && !strings.HasPrefix(string(old), ours) {
		return nil, fmt.Errorf("%s exists already: move it away during the run", file)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("point containerd at the images: %w", err)
	}
	hosts := ours + fmt.Sprintf("server = %q\n\n[host.%q]\ncapabilities = [\"pull\", \"resolve\"]\n", "https://"+registryHost, "http://"+address)
	if err := os.WriteFile(file, []byte(hosts), 0o644); err != nil {
		return nil, fmt.Errorf("point containerd at the images: %w", err)
	}
	return func() error { return os.RemoveAll(dir) }, nil
}

// mirror keeps manifests by repository and reference ("pause:3" and
// "pause@sha256:…"), blobs by digest.
type mirror struct {
	manifests map[string]v1.Image
	blobs     map[string]v1.Layer
	configs   map[string][]byte
}

func (m mirror) add(name string, img v1.Image) error {
	repository, _, _ := strings.Cut(name, ":")
	digest, err := img.Digest()
	if err != nil {
		return err
	}
	m.manifests[name] = img
	m.manifests[repository+"@"+digest.String()] = img
	config, err := img.RawConfigFile()
	if err != nil {
		return err
	}
	configDigest, err := img.ConfigName()
	if err != nil {
		return err
	}
	m.configs[configDigest.String()] = config
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	for _, l := range layers {
		d, err := l.Digest()
		if err != nil {
			return err
		}
		m.blobs[d.String()] = l
	}
	return nil
}

// ServeHTTP answers /v2/, /v2/NAME/manifests/REFERENCE and /v2/NAME/blobs/DIGEST.
func (m mirror) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/v2/")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.Error(w, "images can only be pulled here", http.StatusMethodNotAllowed)
		return
	}
	if name, reference, ok := strings.Cut(path, "/manifests/"); ok {
		sep := ":"
		if strings.Contains(reference, ":") {
			sep = "@"
		}
		if img := m.manifests[name+sep+reference]; img != nil {
			m.manifest(w, r, img)
			return
		}
	}
	if _, digest, ok := strings.Cut(path, "/blobs/"); ok {
		if m.blob(w, r, digest) {
			return
		}
	}
	if path != "" {
		http.NotFound(w, r)
	}
}

func (m mirror) manifest(w http.ResponseWriter, r *http.Request, img v1.Image) {
	raw, err := img.RawManifest()
	digest, derr := img.Digest()
	mediaType, merr := img.MediaType()
	if err != nil || derr != nil || merr != nil {
		http.Error(w, "the image cannot be read", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", string(mediaType))
	w.Header().Set("Docker-Content-Digest", digest.String())
	send(w, r, raw)
}

func (m mirror) blob(w http.ResponseWriter, r *http.Request, digest string) bool {
	w.Header().Set("Docker-Content-Digest", digest)
	w.Header().Set("Content-Type", "application/octet-stream")
	if config, ok := m.configs[digest]; ok {
		send(w, r, config)
		return true
	}
	l, ok := m.blobs[digest]
	if !ok {
		return false
	}
	body, err := l.Compressed()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return true
	}
	defer body.Close()
	size, err := l.Size()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return true
	}
	w.Header().Set("Content-Length", fmt.Sprint(size))
	if r.Method == http.MethodGet {
		_, _ = io.Copy(w, body) // the puller has gone if it fails
	}
	return true
}

func send(w http.ResponseWriter, r *http.Request, b []byte) {
	w.Header().Set("Content-Length", fmt.Sprint(len(b)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(b) // the puller has gone if it fails
	}
}
