package testimages

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/image"
)

func TestMirrorGivesWhatItHas(t *testing.T) {
	img, err := image.Builder{CacheDir: t.TempDir()}.FromFiles([]image.File{{Path: "/f", Content: []byte("x")}}, image.Config{})
	if err != nil {
		t.Fatal(err)
	}
	h, err := Mirror(map[string]v1.Image{"registry.k8s.io/e2e/app:1.0": img})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	defer srv.Close()
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := img.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]struct {
		status int
		size   int64
	}{
		"/v2/":                                                    {200, 0},
		"/v2/e2e/app/manifests/1.0":                               {200, int64(len(raw))},
		"/v2/e2e/app/manifests/2.0":                               {404, -1},
		"/v2/e2e/other/manifests/1.0":                             {404, -1},
		"/v2/e2e/app/manifests/" + digest.String():                {200, int64(len(raw))},
		"/v2/e2e/app/blobs/" + manifest.Config.Digest.String():    {200, manifest.Config.Size},
		"/v2/e2e/app/blobs/" + manifest.Layers[0].Digest.String(): {200, manifest.Layers[0].Size},
		"/v2/e2e/app/blobs/sha256:" + strings.Repeat("0", 64):     {404, -1},
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			req, err := http.NewRequestWithContext(t.Context(), method, srv.URL+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			n, err := io.Copy(io.Discard, res.Body)
			res.Body.Close()
			if err != nil || res.StatusCode != want.status {
				t.Errorf("%s %s answered %d (%v), want %d", method, path, res.StatusCode, err, want.status)
			}
			if method == http.MethodGet && want.size >= 0 && n != want.size {
				t.Errorf("%s has %d bytes, want %d", path, n, want.size)
			}
			if method == http.MethodHead && want.size > 0 && res.ContentLength != want.size {
				t.Errorf("HEAD %s says %d bytes, want %d", path, res.ContentLength, want.size)
			}
		}
	}
	if _, err := Mirror(map[string]v1.Image{"docker.io/library/x:1": img}); err == nil {
		t.Error("an image of another registry was taken")
	}
}

func TestPointAtRestores(t *testing.T) {
	dir := t.TempDir()
	if _, err := PointAt(dir, "127.0.0.1:5000"); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "registry.k8s.io", "hosts.toml"))
	if err != nil || !strings.Contains(string(b), `[host."http://127.0.0.1:5000"]`) {
		t.Errorf("hosts.toml is %q, %v", b, err)
	}
	restore, err := PointAt(dir, "127.0.0.1:1")
	if err != nil {
		t.Errorf("what a killed run left behind is in the way: %v", err)
	}
	other := t.TempDir()
	if err := os.Mkdir(filepath.Join(other, "registry.k8s.io"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(other, "registry.k8s.io", "hosts.toml"), []byte("server = 'x'"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := PointAt(other, "127.0.0.1:1"); err == nil {
		t.Error("somebody else's file would be overwritten")
	}
	if err := restore(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
