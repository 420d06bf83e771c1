package image

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func digest(t *testing.T, img v1.Image) string {
	t.Helper()
	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d.String()
}

// listing reads every layer of img back: "mode uid:gid path -> link" lines.
func listing(t *testing.T, img v1.Image) map[string]*tar.Header {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*tar.Header{}
	for _, l := range layers {
		r, err := l.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		tr := tar.NewReader(r)
		for {
			h, err := tr.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			all[strings.TrimSuffix(h.Name, "/")] = h
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func TestSameDirectoryGivesSameDigest(t *testing.T) {
	write := func(dir string, names ...string) {
		for _, n := range names {
			p := filepath.Join(dir, n)
			if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(p, []byte("content of "+n), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	one, two := t.TempDir(), t.TempDir()
	write(one, "b/x", "a", "c")
	write(two, "c", "a", "b/x")
	past := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(two, "a"), past, past); err != nil {
		t.Fatal(err)
	}
	cfg := Config{Entrypoint: []string{"/a"}, Env: []string{"X=1"}, Architecture: "amd64"}
	imgOne, err := Builder{CacheDir: t.TempDir()}.FromDir(one, cfg)
	if err != nil {
		t.Fatal(err)
	}
	imgTwo, err := Builder{CacheDir: t.TempDir()}.FromDir(two, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := digest(t, imgOne), digest(t, imgTwo); a != b {
		t.Errorf("the same files written in another order gave %s and %s", a, b)
	}
	write(two, "d")
	imgThree, err := Builder{CacheDir: t.TempDir()}.FromDir(two, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if digest(t, imgOne) == digest(t, imgThree) {
		t.Error("one more file did not change the digest")
	}
}

func TestDirectoryRefusesWhatNoImageHolds(t *testing.T) {
	dir := t.TempDir()
	if _, err := FromDir(filepath.Join(dir, "missing"), Config{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing directory gave %v, want not-exist", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := FromDir(file, Config{}); err == nil || !strings.Contains(err.Error(), "not a directory") {
		t.Errorf("a file gave %v", err)
	}
	if _, err := FromDir(dir, Config{Env: []string{"novalue"}}); err == nil || !strings.Contains(err.Error(), "want NAME=value") {
		t.Errorf("a bad environment gave %v", err)
	}
}

func TestFilesKeepModesOwnersAndLinks(t *testing.T) {
	src := filepath.Join(t.TempDir(), "prog")
	if err := os.WriteFile(src, []byte("#!"), 0o755); err != nil {
		t.Fatal(err)
	}
	img, err := Builder{CacheDir: t.TempDir()}.FromFiles([]File{
		{Path: "/opt/app/prog", Source: src},
		{Path: "opt/app/alias", Link: "prog"},
		{Path: "/tmp", Mode: fs.ModeDir | fs.ModeSticky | 0o777},
		{Path: "/bin/su", Content: []byte("x"), Mode: fs.ModeSetuid | 0o755},
		{Path: "/etc/conf", Content: []byte("old")},
		{Path: "/etc/conf", Content: []byte("newer"), UID: 5, GID: 6},
	}, Config{})
	if err != nil {
		t.Fatal(err)
	}
	type row struct {
		Type     byte
		Mode     int64
		UID, GID int
		Link     string
		Size     int64
	}
	got := map[string]row{}
	for name, h := range listing(t, img) {
		got[name] = row{h.Typeflag, h.Mode, h.Uid, h.Gid, h.Linkname, h.Size}
		if !h.ModTime.Equal(epoch) {
			t.Errorf("%s has time %s", name, h.ModTime)
		}
	}
	want := map[string]row{
		"bin":           {Type: tar.TypeDir, Mode: 0o755},
		"bin/su":        {Type: tar.TypeReg, Mode: 0o4755, Size: 1},
		"etc":           {Type: tar.TypeDir, Mode: 0o755},
		"etc/conf":      {Type: tar.TypeReg, Mode: 0o644, UID: 5, GID: 6, Size: 5},
		"opt":           {Type: tar.TypeDir, Mode: 0o755},
		"opt/app":       {Type: tar.TypeDir, Mode: 0o755},
		"opt/app/alias": {Type: tar.TypeSymlink, Mode: 0o777, Link: "prog"},
		"opt/app/prog":  {Type: tar.TypeReg, Mode: 0o755, Size: 2},
		"tmp":           {Type: tar.TypeDir, Mode: 0o1777},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("layer (-want +got):\n%s", diff)
	}
	if _, err := FromFiles([]File{{Path: "../etc/passwd"}}, Config{}); err == nil {
		t.Error("a path that leaves the image was accepted")
	}
}

func TestFilesOfOneContentAreWrittenOnce(t *testing.T) {
	body := bytesContent([]byte("shared"))
	var buf bytes.Buffer
	err := tree{
		"b": {typeflag: tar.TypeReg, mode: 0o644, body: body},
		"a": {typeflag: tar.TypeReg, mode: 0o644, body: body},
	}.writeTar(&buf)
	if err != nil {
		t.Fatal(err)
	}
	tr := tar.NewReader(&buf)
	var got []string
	for h, err := tr.Next(); err == nil; h, err = tr.Next() {
		got = append(got, string(h.Typeflag)+h.Name+"<"+h.Linkname)
	}
	if diff := cmp.Diff([]string{"0a<", "1b<a"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestConfigReachesTheImage(t *testing.T) {
	img, err := Builder{CacheDir: t.TempDir()}.FromFiles(nil, Config{
		Entrypoint: []string{"/e"}, Cmd: []string{"c"}, Env: []string{"A=b"}, User: "7:8",
		WorkingDir: "/w", ExposedPorts: []string{"80", "53/udp"}, StopSignal: "SIGINT", Architecture: "arm64",
	})
	if err != nil {
		t.Fatal(err)
	}
	cf, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	want := v1.Config{
		Entrypoint: []string{"/e"}, Cmd: []string{"c"}, Env: []string{defaultPath, "A=b"}, User: "7:8", WorkingDir: "/w",
		ExposedPorts: map[string]struct{}{"80/tcp": {}, "53/udp": {}}, StopSignal: "SIGINT",
	}
	if diff := cmp.Diff(want, cf.Config); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
	if cf.OS != "linux" || cf.Architecture != "arm64" || len(cf.RootFS.DiffIDs) != 1 {
		t.Errorf("got %s/%s with %d layers", cf.OS, cf.Architecture, len(cf.RootFS.DiffIDs))
	}
}

func TestCacheIsUsedAndSurvivesDamage(t *testing.T) {
	b := Builder{CacheDir: t.TempDir()}
	files := []File{{Path: "/f", Content: bytes.Repeat([]byte("x"), 1<<16)}}
	build := func() string {
		img, err := b.FromFiles(files, Config{})
		if err != nil {
			t.Fatal(err)
		}
		if len(listing(t, img)) != 1 {
			t.Error("the layer cannot be read back")
		}
		return digest(t, img)
	}
	first := build()
	blobs, err := filepath.Glob(filepath.Join(b.CacheDir, "layers", "*.tar.gz"))
	if err != nil || len(blobs) != 1 {
		t.Fatalf("cache holds %v, %v", blobs, err)
	}
	before, err := os.Stat(blobs[0])
	if err != nil {
		t.Fatal(err)
	}
	build()
	if after, err := os.Stat(blobs[0]); err != nil || !os.SameFile(before, after) {
		t.Errorf("the layer was written again (%v)", err)
	}
	if err := os.Truncate(blobs[0], 10); err != nil {
		t.Fatal(err)
	}
	if again := build(); again != first {
		t.Errorf("after damage %s, before %s", again, first)
	}
}

func TestCachePrunesWhatWasUnusedForLongest(t *testing.T) {
	c := layerCache{dir: t.TempDir()}
	now := time.Now()
	for name, age := range map[string]time.Duration{"old": 48 * time.Hour, "older": 72 * time.Hour, "new": time.Minute} {
		p := c.path(name, ".tar.gz")
		if err := os.WriteFile(p, make([]byte, 100), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(p, now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	left := func() (names []string) {
		blobs, _ := filepath.Glob(filepath.Join(c.dir, "*.tar.gz"))
		for _, b := range blobs {
			names = append(names, strings.TrimSuffix(filepath.Base(b), ".tar.gz"))
		}
		return names
	}
	c.prune(200, now)
	if diff := cmp.Diff([]string{"new", "old"}, left()); diff != "" {
		t.Error(diff)
	}
	c.prune(0, now)
	if diff := cmp.Diff([]string{"new"}, left()); diff != "" {
		t.Errorf("a layer in use may not go: %s", diff)
	}
}

func TestArchiveIsOCILayoutAndDockerSave(t *testing.T) {
	b := Builder{CacheDir: t.TempDir()}
	img, err := b.FromFiles([]File{{Path: "/f", Content: []byte("x")}}, Config{Architecture: "amd64"})
	if err != nil {
		t.Fatal(err)
	}
	images := map[string]v1.Image{"shop": img, "registry.k8s.io/pause:3": img}
	var one, two bytes.Buffer
	for _, w := range []*bytes.Buffer{&one, &two} {
		if err := WriteArchive(w, images); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Error("two archives of the same images differ")
	}
	files := map[string][]byte{}
	tr := tar.NewReader(&one)
	for h, err := tr.Next(); err == nil; h, err = tr.Next() {
		if _, twice := files[h.Name]; twice {
			t.Errorf("%s is in the archive twice", h.Name)
		}
		if files[h.Name], err = io.ReadAll(tr); err != nil {
			t.Fatal(err)
		}
	}
	var index v1.IndexManifest
	if err := json.Unmarshal(files["index.json"], &index); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range index.Manifests {
		names = append(names, m.Annotations[annotationContainerdName])
		if int64(len(files[blobPath(m.Digest)])) != m.Size {
			t.Errorf("manifest %s has %d bytes, index says %d", m.Digest, len(files[blobPath(m.Digest)]), m.Size)
		}
	}
	want := []string{"registry.k8s.io/pause:3", "docker.io/library/shop:latest"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
	var docker []archiveManifest
	if err := json.Unmarshal(files["manifest.json"], &docker); err != nil {
		t.Fatal(err)
	}
	for _, row := range docker {
		for _, p := range append(row.Layers, row.Config) {
			if files[p] == nil {
				t.Errorf("manifest.json names %s, which is not in the archive", p)
			}
		}
	}
	if err := WriteArchive(io.Discard, nil); err == nil {
		t.Error("an archive of nothing was written")
	}
	if err := WriteArchive(io.Discard, map[string]v1.Image{"Bad Name": img}); err == nil {
		t.Error("a bad name was accepted")
	}
}

func TestFullName(t *testing.T) {
	for given, want := range map[string]string{
		"shop":                          "docker.io/library/shop:latest",
		"acme/shop:1":                   "docker.io/acme/shop:1",
		"docker.io/library/shop:2":      "docker.io/library/shop:2",
		"registry.k8s.io/e2e/agnhost:3": "registry.k8s.io/e2e/agnhost:3",
		"localhost:5000/app":            "localhost:5000/app:latest",
	} {
		if got, err := FullName(given); err != nil || got != want {
			t.Errorf("FullName(%q) = %q, %v; want %q", given, got, err, want)
		}
	}
}

func TestBaseHasAccounts(t *testing.T) {
	files, err := Base(User{Name: "app", UID: 1000, Home: "/home/app", Groups: []Group{{"extra", 50000}}})
	if err != nil {
		t.Fatal(err)
	}
	content := map[string]string{}
	for _, f := range files {
		content[f.Path] = string(f.Content)
	}
	for file, line := range map[string]string{
		"/etc/passwd": "app:x:1000:1000:app:/home/app:/usr/sbin/nologin\n",
		"/etc/group":  "extra:x:50000:app\n",
	} {
		if !strings.Contains(content[file], line) {
			t.Errorf("%s lacks %q:\n%s", file, line, content[file])
		}
	}
	if _, ok := content["/home/app"]; !ok {
		t.Error("no home directory")
	}
	if _, err := Base(User{Name: "a:b"}); err == nil {
		t.Error("a name with a colon was accepted")
	}
}
