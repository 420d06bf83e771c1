package image

import (
	"archive/tar"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// treeOfDir lists dir. Everything belongs to root in the image, since the
// owner on the machine that builds means nothing in a container.
func treeOfDir(dir string) (tree, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("read image directory: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("read image directory: %s is not a directory", dir)
	}
	t := tree{}
	err = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		if rel == "." {
			return nil
		}
		e, err := diskEntry(name, d)
		if err != nil {
			return err
		}
		return t.put(filepath.ToSlash(rel), e)
	})
	if err != nil {
		return nil, fmt.Errorf("read image directory %s: %w", dir, err)
	}
	return t, nil
}

func diskEntry(name string, d fs.DirEntry) (entry, error) {
	info, err := d.Info()
	if err != nil {
		return entry{}, err
	}
	mode := tarMode(info.Mode())
	if runtime.GOOS == "windows" {
		// Windows keeps no executable bit; without one nothing would start.
		mode = 0o755
	}
	switch {
	case info.Mode().IsRegular():
		return entry{typeflag: tar.TypeReg, mode: mode, body: fileContent(name, info.Size())}, nil
	case info.IsDir():
		return entry{typeflag: tar.TypeDir, mode: mode}, nil
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(name)
		if err != nil {
			return entry{}, err
		}
		return entry{typeflag: tar.TypeSymlink, mode: 0o777, link: filepath.ToSlash(target)}, nil
	}
	return entry{}, fmt.Errorf("%s is a %s: an image takes files, directories and symbolic links; remove it", name, kindOf(info.Mode()))
}

func kindOf(m fs.FileMode) string {
	switch {
	case m&fs.ModeSocket != 0:
		return "socket"
	case m&fs.ModeNamedPipe != 0:
		return "named pipe"
	case m&fs.ModeDevice != 0:
		return "device"
	}
	return "special file"
}
