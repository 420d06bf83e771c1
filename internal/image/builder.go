package image

import (
	"fmt"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Builder assembles images and keeps their layers, so that what did not change
// costs only the reading of its input. Several may use one CacheDir at once,
// also from different processes. The zero value is ready to use.
type Builder struct {
	// CacheDir keeps layers, downloaded packages and package lists. Empty means
	// DefaultCacheDir.
	CacheDir string
	// Logf is told of steps that take long. Nil means silence.
	Logf func(format string, args ...any)
}

// DefaultCacheDir is bulkhead/images below the user's cache directory.
func DefaultCacheDir() string {
	base, err := os.UserCacheDir()
	if err != nil {
		base = os.TempDir()
	}
	return filepath.Join(base, "bulkhead", "images")
}

// FromDir makes an image of one layer with what is in dir, owned by root.
func FromDir(dir string, cfg Config) (v1.Image, error) { return Builder{}.FromDir(dir, cfg) }

// FromFiles makes an image of one layer with these files; a later one replaces
// an earlier one of the same path.
func FromFiles(files []File, cfg Config) (v1.Image, error) { return Builder{}.FromFiles(files, cfg) }

// FromDir makes an image of one layer with what is in dir, owned by root.
func (b Builder) FromDir(dir string, cfg Config) (v1.Image, error) {
	t, err := treeOfDir(dir)
	if err != nil {
		return nil, err
	}
	return b.image(cfg, t)
}

// FromFiles makes an image of one layer with these files; a later one replaces
// an earlier one of the same path.
func (b Builder) FromFiles(files []File, cfg Config) (v1.Image, error) {
	t, err := treeOf(files)
	if err != nil {
		return nil, err
	}
	return b.image(cfg, t)
}

func (b Builder) image(cfg Config, t tree) (v1.Image, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	l, err := b.cache().layer(t)
	if err != nil {
		return nil, err
	}
	return cfg.build(l)
}

func (b Builder) cacheDir() string {
	if b.CacheDir != "" {
		return b.CacheDir
	}
	return DefaultCacheDir()
}

func (b Builder) cache() layerCache {
	return layerCache{dir: filepath.Join(b.cacheDir(), "layers")}
}

func (b Builder) logf(format string, args ...any) {
	if b.Logf != nil {
		b.Logf(format, args...)
	}
}

// Base is what nearly every program expects of a file system: the accounts of
// root, nobody and the given users, a writable /tmp and the usual directories.
func Base(users ...User) ([]File, error) {
	accounts, err := accountFiles(users)
	if err != nil {
		return nil, fmt.Errorf("base files: %w", err)
	}
	return append([]File{
		{Path: "/tmp", Mode: os.ModeDir | os.ModeSticky | 0o777},
		{Path: "/var/tmp", Mode: os.ModeDir | os.ModeSticky | 0o777},
		{Path: "/run", Mode: os.ModeDir | 0o755},
		{Path: "/var/run", Link: "/run"},
		{Path: "/root", Mode: os.ModeDir | 0o700},
		{Path: "/etc/nsswitch.conf", Content: []byte("passwd: files\ngroup: files\nhosts: files dns\n")},
	}, accounts...), nil
}
