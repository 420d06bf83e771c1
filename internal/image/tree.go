package image

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
)

// content is the body of a regular file. Entries that share one content are
// written once, the others as hard links to it.
type content struct {
	size int64
	open func() (io.ReadCloser, error)
}

func bytesContent(b []byte) *content {
	return &content{size: int64(len(b)), open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(b)), nil
	}}
}

func fileContent(name string, size int64) *content {
	return &content{size: size, open: func() (io.ReadCloser, error) { return os.Open(name) }}
}

// entry is one path of a layer. Its mode has the permission bits and, as tar
// has them, 04000, 02000 and 01000.
type entry struct {
	typeflag byte // tar.TypeReg, tar.TypeDir or tar.TypeSymlink
	mode     int64
	uid, gid int
	link     string
	body     *content
}

// tree is the file system that becomes one layer: paths without a leading
// slash. A later put of a path replaces the earlier one.
type tree map[string]entry

func (t tree) put(name string, e entry) error {
	clean, err := cleanPath(name)
	if err != nil {
		return err
	}
	if clean == "" {
		return nil // the root itself has no entry of its own
	}
	if e.typeflag == tar.TypeDir {
		// As dpkg does: a directory does not displace a link that leads to one.
		if old, ok := t[clean]; ok && old.typeflag == tar.TypeSymlink {
			return nil
		}
	}
	t[clean] = e
	return nil
}

// cleanPath makes name relative to the image's root and refuses one that
// leaves it.
func cleanPath(name string) (string, error) {
	slashed := strings.ReplaceAll(name, `\`, "/")
	if slashed != name && os.PathSeparator != '\\' {
		slashed = name // a backslash is an ordinary character of a Unix name
	}
	if slices.Contains(strings.Split(slashed, "/"), "..") {
		return "", fmt.Errorf("path %q in an image: must not contain ..", name)
	}
	return strings.TrimPrefix(path.Clean("/"+slashed), "/"), nil
}

// addParents gives every entry a directory to be in, so that the layer does
// not depend on how a runtime makes missing ones.
func (t tree) addParents() {
	for name := range maps.Clone(t) {
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if _, ok := t[dir]; ok {
				break
			}
			t[dir] = entry{typeflag: tar.TypeDir, mode: 0o755}
		}
	}
}

// writeTar writes the tree as a tar stream that depends on nothing but the
// tree: sorted, with fixed times and no user names.
func (t tree) writeTar(w io.Writer) error {
	t.addParents()
	tw := tar.NewWriter(w)
	first := map[*content]string{}
	for _, name := range slices.Sorted(maps.Keys(t)) {
		e := t[name]
		hdr := &tar.Header{
			Typeflag: e.typeflag, Name: name, Linkname: e.link,
			Mode: e.mode, Uid: e.uid, Gid: e.gid, ModTime: epoch,
		}
		switch e.typeflag {
		case tar.TypeDir:
			hdr.Name += "/"
		case tar.TypeReg:
			if target, ok := first[e.body]; ok {
				hdr.Typeflag, hdr.Linkname = tar.TypeLink, target
			} else {
				first[e.body], hdr.Size = name, e.body.size
			}
		}
		if err := tw.WriteHeader(hdr); err != nil {
			return fmt.Errorf("write /%s to the layer: %w", name, err)
		}
		if hdr.Typeflag != tar.TypeReg {
			continue
		}
		if err := copyBody(tw, e.body); err != nil {
			return fmt.Errorf("write /%s to the layer: %w", name, err)
		}
	}
	return tw.Close()
}

func copyBody(w io.Writer, c *content) error {
	r, err := c.open()
	if err != nil {
		return err
	}
	defer r.Close()
	n, err := io.Copy(w, r)
	if err != nil {
		return err
	}
	if n != c.size {
		return fmt.Errorf("has %d bytes now, had %d when it was listed: do not change files during a build", n, c.size)
	}
	return nil
}
