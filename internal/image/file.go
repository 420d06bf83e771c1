package image

import (
	"archive/tar"
	"fmt"
	"io/fs"
	"os"
)

// File is one thing to place into an image. At most one of Content, Source and
// Link is set; with none of them it is an empty file, or a directory if Mode
// says so.
type File struct {
	// Path in the image, from its root.
	Path string
	// Mode has permissions, fs.ModeDir, fs.ModeSetuid, fs.ModeSetgid and
	// fs.ModeSticky. No permissions at all mean 0755 for directories and what
	// Source has, else 0644, for files.
	Mode fs.FileMode
	// UID and GID own it.
	UID, GID int
	// Content is what a regular file holds.
	Content []byte
	// Source is a file of this machine that holds it.
	Source string
	// Link makes it a symbolic link with this target.
	Link string
}

func (f File) entry() (entry, error) {
	e := entry{typeflag: tar.TypeReg, mode: tarMode(f.Mode), uid: f.UID, gid: f.GID}
	switch {
	case f.Link != "":
		e.typeflag, e.mode, e.link = tar.TypeSymlink, 0o777, f.Link
	case f.Mode.IsDir():
		e.typeflag = tar.TypeDir
		if e.mode == 0 {
			e.mode = 0o755
		}
	case f.Source != "":
		info, err := os.Stat(f.Source)
		if err != nil {
			return entry{}, fmt.Errorf("place /%s: %w", f.Path, err)
		}
		if !info.Mode().IsRegular() {
			return entry{}, fmt.Errorf("place /%s: %s is not a regular file", f.Path, f.Source)
		}
		if e.mode == 0 {
			e.mode = tarMode(info.Mode())
		}
		e.body = fileContent(f.Source, info.Size())
	default:
		e.body = bytesContent(f.Content)
	}
	if e.mode == 0 {
		e.mode = 0o644
	}
	return e, nil
}

func treeOf(files []File) (tree, error) {
	t := tree{}
	for _, f := range files {
		e, err := f.entry()
		if err != nil {
			return nil, err
		}
		if err := t.put(f.Path, e); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// tarMode turns Go's mode bits into those of tar.
func tarMode(m fs.FileMode) int64 {
	mode := int64(m.Perm())
	if m&fs.ModeSetuid != 0 {
		mode |= 0o4000
	}
	if m&fs.ModeSetgid != 0 {
		mode |= 0o2000
	}
	if m&fs.ModeSticky != 0 {
		mode |= 0o1000
	}
	return mode
}
