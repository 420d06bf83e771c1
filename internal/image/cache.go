package image

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/gzip"
)

// layerCache keeps compressed layers under the digest of their uncompressed
// stream, which names a layer's input exactly. Files appear by rename only, so
// a reader never sees half of one.
type layerCache struct{ dir string }

// cacheLimit is how much the layers may take before those unused for longest
// are removed; cacheGrace is how long one is kept in any case, since a build
// that runs beside us may be about to read it.
const (
	cacheLimit = 6 << 30
	cacheGrace = time.Hour
)

// layerRecord is what the cache knows of a layer.
type layerRecord struct {
	DiffID string `json:"diffID"`
	Digest string `json:"digest"`
	Size   int64  `json:"size"`
}

// layer returns the layer of t, compressing it only if the cache lacks it.
func (c layerCache) layer(t tree) (v1.Layer, error) {
	h := sha256.New()
	if err := t.writeTar(h); err != nil {
		return nil, err
	}
	if l, ok := c.get(sum(h)); ok {
		return l, nil
	}
	rec, err := c.write(t)
	if err != nil {
		return nil, fmt.Errorf("write layer below %s: %w", c.dir, err)
	}
	c.prune(cacheLimit, time.Now())
	return c.open(rec), nil
}

func (c layerCache) get(diffID string) (v1.Layer, bool) {
	b, err := os.ReadFile(c.path(diffID, ".json"))
	if err != nil {
		return nil, false
	}
	var rec layerRecord
	if json.Unmarshal(b, &rec) != nil || rec.DiffID != diffID {
		return nil, false
	}
	blob := c.path(diffID, ".tar.gz")
	if info, err := os.Stat(blob); err != nil || info.Size() != rec.Size {
		return nil, false
	}
	now := time.Now()
	_ = os.Chtimes(blob, now, now) // only the order of removal depends on it
	return c.open(rec), true
}

func (c layerCache) write(t tree) (layerRecord, error) {
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return layerRecord{}, err
	}
	f, err := os.CreateTemp(c.dir, "new-*")
	if err != nil {
		return layerRecord{}, err
	}
	defer os.Remove(f.Name())
	defer f.Close()

	diff, digest := sha256.New(), sha256.New()
	// Layers are read back on the same machine more often than they are sent
	// anywhere, so speed comes before size.
	zw, err := gzip.NewWriterLevel(io.MultiWriter(f, digest), gzip.BestSpeed)
	if err != nil {
		return layerRecord{}, err
	}
	if err := errors.Join(t.writeTar(io.MultiWriter(zw, diff)), zw.Close()); err != nil {
		return layerRecord{}, err
	}
	info, err := f.Stat()
	if err != nil {
		return layerRecord{}, err
	}
	rec := layerRecord{DiffID: sum(diff), Digest: sum(digest), Size: info.Size()}
	if err := f.Close(); err != nil {
		return layerRecord{}, err
	}
	if err := os.Rename(f.Name(), c.path(rec.DiffID, ".tar.gz")); err != nil {
		return layerRecord{}, err
	}
	b, err := json.Marshal(rec)
	if err != nil {
		return layerRecord{}, err
	}
	return rec, writeFileAtomic(c.path(rec.DiffID, ".json"), b)
}

func (c layerCache) path(diffID, suffix string) string { return filepath.Join(c.dir, diffID+suffix) }

// prune removes layers, the longest unused first, until at most limit bytes
// are left. It does what it can: a failure only leaves the cache larger.
func (c layerCache) prune(limit int64, now time.Time) {
	blobs, err := filepath.Glob(filepath.Join(c.dir, "*.tar.gz"))
	if err != nil {
		return
	}
	type aged struct {
		name string
		info fs.FileInfo
	}
	var all []aged
	var total int64
	for _, name := range blobs {
		if info, err := os.Stat(name); err == nil {
			all = append(all, aged{name, info})
			total += info.Size()
		}
	}
	slices.SortFunc(all, func(a, b aged) int { return a.info.ModTime().Compare(b.info.ModTime()) })
	for _, a := range all {
		if total <= limit || now.Sub(a.info.ModTime()) < cacheGrace {
			return
		}
		if os.Remove(a.name) == nil {
			total -= a.info.Size()
			_ = os.Remove(a.name[:len(a.name)-len(".tar.gz")] + ".json")
		}
	}
}

func sum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// writeFileAtomic makes name appear whole or not at all.
func writeFileAtomic(name string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), "new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	if err := errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
