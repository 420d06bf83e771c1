package doctor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// CurrentFormat is the layout of the data directory that this version writes
// and the newest that it reads. It goes up when an older version could no
// longer use what a newer one wrote.
const CurrentFormat = 1

// formatFile stands in the data directory.
const formatFile = "version"

// Format is the content of the version file.
type Format struct {
	Format     int    `json:"format"`
	Bulkhead   string `json:"bulkhead"`
	Kubernetes string `json:"kubernetes"`
}

// ReadFormat returns what wrote dataDir, or nil if nothing has.
func ReadFormat(dataDir string) (*Format, error) {
	path := filepath.Join(dataDir, formatFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the data directory's format: %w", err)
	}
	var format Format
	if err := json.Unmarshal(data, &format); err != nil || format.Format < 1 {
		return nil, fmt.Errorf("%s holds no format version", path)
	}
	return &format, nil
}

// WriteFormat records in dataDir that this version wrote it. The file is
// replaced as a whole, so that a crash leaves the old one or the new one.
func WriteFormat(dataDir, bulkhead, kubernetes string) error {
	data, err := json.Marshal(Format{Format: CurrentFormat, Bulkhead: bulkhead, Kubernetes: kubernetes})
	if err != nil {
		return err
	}
	path := filepath.Join(dataDir, formatFile)
	if err := os.WriteFile(path+".new", append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the data directory's format: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write the data directory's format: %w", err)
	}
	return nil
}
