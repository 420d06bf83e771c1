package runtime

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

// writeFile replaces path by data, whole or not at all, even across a crash. It
// leaves a file alone that has this content already, and says whether it wrote.
func writeFile(path string, data []byte, mode os.FileMode) (changed bool, err error) {
	if present, err := os.ReadFile(path); err == nil && bytes.Equal(present, data) {
		return false, nil
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return false, fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name())
		}
	}()
	_, err = file.Write(data)
	if err == nil {
		err = file.Chmod(mode)
	}
	if err == nil {
		err = file.Sync()
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return false, fmt.Errorf("write %s: %w", path, err)
	}
	return true, nil
}
