package kubeconfig

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Merge puts entry into the kubeconfig at path and makes it the current
// context. An entry of the same name that is not this cluster's is ErrForeign;
// the file is then left as it was.
func Merge(path string, entry Entry) error {
	return edit(path, func(data []byte) ([]byte, error) { return merge(data, entry) })
}

// Remove takes out of the kubeconfig at path whatever leads to the cluster of
// the data directory owner, and returns the contexts that are gone. A missing
// file has none.
func Remove(path, owner string) (contexts []string, err error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	err = edit(path, func(data []byte) ([]byte, error) {
		data, contexts, err = remove(data, owner)
		return data, err
	})
	return contexts, err
}

// Find returns the contexts in the kubeconfig at path that lead to the cluster
// of the data directory owner.
func Find(path, owner string) ([]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	_, contexts, err := remove(data, owner)
	return contexts, err
}

// lockTime bounds the wait for another program that edits the file.
const lockTime = 3 * time.Second

// edit replaces the file at path by what change makes of its content, as a
// whole. It holds the lock that kubectl takes too. A symbolic link stays one.
func edit(path string, change func([]byte) ([]byte, error)) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make the folder of kubeconfig %s: %w", path, err)
	}
	unlock, err := lock(path + ".lock")
	if err != nil {
		return err
	}
	defer unlock()
	before, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read kubeconfig: %w", err)
	}
	after, err := change(before)
	if err != nil {
		return fmt.Errorf("kubeconfig %s: %w", path, err)
	}
	if string(before) == string(after) {
		return nil
	}
	if err := replace(path, after); err != nil {
		return fmt.Errorf("write kubeconfig %s: %w", path, err)
	}
	return nil
}

// lock makes the file at path, as client-go does around its own edits.
func lock(path string) (unlock func(), err error) {
	for deadline := time.Now().Add(lockTime); ; time.Sleep(20 * time.Millisecond) {
		file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err == nil {
			file.Close()
			return func() { os.Remove(path) }, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("lock kubeconfig: %w", err)
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("another program is editing the kubeconfig; if none is, remove %s", path)
		}
	}
}

// replace writes data beside path and renames it there, for its present owner.
func replace(path string, data []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".kubeconfig-") // has mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // fails once it is renamed, as it should
	_, err = file.Write(data)
	if err := errors.Join(err, keepOwner(path, file), file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
