package image

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// unpackDebs merges the files of packages into one tree. Their content waits
// in the spool, which the caller closes once the tree is written.
func unpackDebs(ctx context.Context, debs []string, skip leaveOut) (tree, *spool, error) {
	s, err := newSpool()
	if err != nil {
		return nil, nil, err
	}
	t := tree{}
	u := debUnpacker{tree: t, spool: s, skip: skip}
	for _, d := range debs {
		if err := u.unpack(ctx, d); err != nil {
			s.close()
			return nil, nil, fmt.Errorf("unpack %s: %w", filepath.Base(d), err)
		}
	}
	for _, dir := range usrMerged {
		// The loader's directory has another name on other machines; an unused
		// link does no harm.
		if _, ok := t["usr/"+dir]; ok || dir != "lib64" {
			t[dir] = entry{typeflag: tar.TypeSymlink, mode: 0o777, link: "usr/" + dir}
		}
	}
	if err := u.bundleCertificates(); err != nil {
		s.close()
		return nil, nil, err
	}
	return t, s, nil
}

type debUnpacker struct {
	tree  tree
	spool *spool
	skip  leaveOut
}

func (u debUnpacker) unpack(ctx context.Context, file string) (err error) {
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", file)
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	rerr := u.read(tar.NewReader(out))
	if rerr != nil {
		_ = cmd.Cancel() // it would wait for us to read on
	} else {
		_, rerr = io.Copy(io.Discard, out) // the padding after the archive's end
	}
	werr := cmd.Wait()
	if rerr != nil {
		return rerr
	}
	if werr != nil {
		return fmt.Errorf("dpkg-deb: %w: %s", werr, strings.TrimSpace(stderr.String()))
	}
	return nil
}

func (u debUnpacker) read(tr *tar.Reader) error {
	for {
		hdr, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		clean, err := cleanPath(hdr.Name)
		if err != nil {
			return err
		}
		name := mergeUsr(clean)
		if name == "" || u.skip.match(name) {
			continue
		}
		e := entry{typeflag: hdr.Typeflag, mode: hdr.Mode & 0o7777, uid: hdr.Uid, gid: hdr.Gid}
		switch hdr.Typeflag {
		case tar.TypeReg:
			if e.body, err = u.spool.add(tr); err != nil {
				return err
			}
		case tar.TypeDir:
		case tar.TypeSymlink:
			e.mode, e.link = 0o777, mergedLink(clean, hdr.Linkname)
		case tar.TypeLink:
			target, err := cleanPath(hdr.Linkname)
			if err != nil {
				return err
			}
			first, ok := u.tree[mergeUsr(target)]
			if !ok {
				continue // linked to something that is left out
			}
			e = first
		default:
			continue // packages ship no devices that a container could use
		}
		if err := u.tree.put(name, e); err != nil {
			return err
		}
	}
}

// bundleCertificates does what the maintainer script of ca-certificates does:
// it puts all of Mozilla's into the one file that programs read.
func (u debUnpacker) bundleCertificates() error {
	const from, to = "usr/share/ca-certificates/", "etc/ssl/certs/ca-certificates.crt"
	var names []string
	for name, e := range u.tree {
		if strings.HasPrefix(name, from) && strings.HasSuffix(name, ".crt") && e.body != nil {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	bundle, err := u.tree.concat(names)
	if err != nil {
		return fmt.Errorf("bundle CA certificates: %w", err)
	}
	return u.tree.put(to, entry{typeflag: tar.TypeReg, mode: 0o644, body: bytesContent(bundle)})
}

// spool keeps the content of unpacked files in one temporary file, since the
// packages of an image can be larger than memory allows.
type spool struct {
	file *os.File
	end  int64
}

func newSpool() (*spool, error) {
	f, err := os.CreateTemp("", "bulkhead-image-*")
	if err != nil {
		return nil, fmt.Errorf("make room for unpacked packages: %w", err)
	}
	return &spool{file: f}, nil
}

func (s *spool) add(r io.Reader) (*content, error) {
	start := s.end
	n, err := io.Copy(io.NewOffsetWriter(s.file, start), r)
	if err != nil {
		return nil, err
	}
	s.end += n
	return &content{size: n, open: func() (io.ReadCloser, error) {
		return io.NopCloser(io.NewSectionReader(s.file, start, n)), nil
	}}, nil
}

func (s *spool) close() {
	_ = s.file.Close()
	_ = os.Remove(s.file.Name())
}
