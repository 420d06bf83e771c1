package image

import (
	"errors"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
)

// cachedLayer is a layer of the cache, whose digests were computed when it was
// written. It implements v1.Layer.
type cachedLayer struct {
	path           string
	digest, diffID v1.Hash
	size           int64
}

func (c layerCache) open(rec layerRecord) v1.Layer {
	return &cachedLayer{
		path:   c.path(rec.DiffID, ".tar.gz"),
		digest: v1.Hash{Algorithm: "sha256", Hex: rec.Digest},
		diffID: v1.Hash{Algorithm: "sha256", Hex: rec.DiffID},
		size:   rec.Size,
	}
}

func (l *cachedLayer) Digest() (v1.Hash, error) { return l.digest, nil }

func (l *cachedLayer) DiffID() (v1.Hash, error) { return l.diffID, nil }

func (l *cachedLayer) Size() (int64, error) { return l.size, nil }

func (l *cachedLayer) MediaType() (types.MediaType, error) { return types.OCILayer, nil }

func (l *cachedLayer) Compressed() (io.ReadCloser, error) { return os.Open(l.path) }

func (l *cachedLayer) Uncompressed() (io.ReadCloser, error) {
	f, err := os.Open(l.path)
	if err != nil {
		return nil, err
	}
	zr, err := gzip.NewReader(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &gunzip{zr, f}, nil
}

type gunzip struct {
	*gzip.Reader
	file *os.File
}

func (g *gunzip) Close() error { return errors.Join(g.Reader.Close(), g.file.Close()) }
