package main

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// runTar is as much of tar as `kubectl cp` calls: "cf - PATH" and
// "-xmf - [-C DIRECTORY]".
func runTar(args []string) error {
	if len(args) < 2 || args[1] != "-" {
		return fmt.Errorf("tar %q: want an archive on standard input or output", args)
	}
	switch mode, rest := strings.TrimPrefix(args[0], "-"), args[2:]; {
	case strings.HasPrefix(mode, "c") && len(rest) == 1:
		return pack(os.Stdout, rest[0])
	case strings.HasPrefix(mode, "x"):
		directory := "."
		if len(rest) == 2 && rest[0] == "-C" {
			directory = rest[1]
		}
		return unpack(os.Stdin, directory)
	}
	return fmt.Errorf("tar %q: not supported", args)
}

func pack(out io.Writer, root string) error {
	archive := tar.NewWriter(out)
	err := filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		header, err := tar.FileInfoHeader(info, "")
		if err != nil {
			return err
		}
		header.Name = strings.TrimPrefix(path, "/")
		if err := archive.WriteHeader(header); err != nil || !info.Mode().IsRegular() {
			return err
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		_, err = io.Copy(archive, file)
		return err
	})
	if err != nil {
		return err
	}
	return archive.Close()
}

func unpack(in io.Reader, directory string) error {
	archive := tar.NewReader(in)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !filepath.IsLocal(header.Name) {
			return fmt.Errorf("tar: %s leads out of %s", header.Name, directory)
		}
		path := filepath.Join(directory, header.Name)
		switch header.Typeflag {
		case tar.TypeDir:
			err = os.MkdirAll(path, 0o755)
		case tar.TypeReg:
			err = unpackFile(archive, path, os.FileMode(header.Mode).Perm())
		}
		if err != nil {
			return err
		}
	}
}

func unpackFile(content io.Reader, path string, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	if _, err := io.Copy(file, content); err != nil {
		file.Close()
		return err
	}
	return file.Close()
}
