package runtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// loaded is an archive whose images containerd was given.
type loaded struct {
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
	Images   []string  `json:"images"`
}

// LoadImages imports the archives in a folder, by name, but those whose images are
// there from an earlier time. A folder that is missing is empty. One archive that
// cannot be read does not keep the others out; all that went wrong is returned.
func (r *Runtime) LoadImages(ctx context.Context, dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list image archives: %w", err)
	}
	end := r.options.Stages.Begin("images loaded")
	err = r.loadImages(ctx, dir, entries)
	end(err)
	return err
}

func (r *Runtime) loadImages(ctx context.Context, dir string, entries []fs.DirEntry) error {
	present, err := r.ListImages(ctx)
	if err != nil {
		return err
	}
	has := map[string]bool{}
	for _, image := range present {
		has[image.Name] = true
	}
	// Beside the images, so that both go together.
	note := filepath.Join(r.paths.Root, "loaded-archives.json")
	known := map[string]loaded{}
	if data, err := os.ReadFile(note); err == nil {
		_ = json.Unmarshal(data, &known) // what cannot be read is imported again
	}
	now := map[string]loaded{}
	var errs []error
	for _, entry := range entries {
		info, err := os.Stat(filepath.Join(dir, entry.Name()))
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		last, is := known[entry.Name()]
		if is && last.Size == info.Size() && last.Modified.Equal(info.ModTime()) && !slices.ContainsFunc(last.Images, func(name string) bool { return !has[name] }) {
			now[entry.Name()] = last
			continue
		}
		names, err := r.loadArchive(ctx, filepath.Join(dir, entry.Name()))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		now[entry.Name()] = loaded{info.Size(), info.ModTime(), names}
	}
	data, err := json.Marshal(now)
	if err == nil {
		_, err = writeFile(note, data, 0o600)
	}
	return errors.Join(append(errs, err)...)
}

func (r *Runtime) loadArchive(ctx context.Context, path string) ([]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("load images: %w", err)
	}
	defer file.Close()
	images, err := r.ImportImages(ctx, file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var names []string
	for _, image := range images {
		names = append(names, image.Name)
	}
	return names, nil
}
