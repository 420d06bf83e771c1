package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"sigs.k8s.io/yaml"
)

// LoadFile sets the flags of flags that the command line left alone from the
// YAML file at path, whose keys are the flags' names without the dashes. Lists
// are given as YAML lists. A missing file is an error only if required.
func LoadFile(path string, required bool, flags *pflag.FlagSet) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !required {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	return load(path, data, flags)
}

func load(path string, data []byte, flags *pflag.FlagSet) error {
	settings := map[string]any{}
	if err := yaml.UnmarshalStrict(data, &settings); err != nil {
		return fmt.Errorf("settings in %s: want YAML `name: value` lines: %w", path, err)
	}
	keys := make([]string, 0, len(settings))
	for key := range settings {
		keys = append(keys, key)
	}
	slices.Sort(keys) // so that the first error is always the same one
	for _, key := range keys {
		flag := flags.Lookup(key)
		if flag == nil || key == "config" {
			return fmt.Errorf("settings in %s: no setting is called %q; `bulkheadd server --help` lists them", path, key)
		}
		if flag.Changed {
			continue
		}
		if err := setFlag(flags, flag, settings[key]); err != nil {
			return fmt.Errorf("settings in %s: %s: %w", path, key, err)
		}
	}
	return nil
}

func setFlag(flags *pflag.FlagSet, flag *pflag.Flag, value any) error {
	items, isList := value.([]any)
	if !isList {
		items = []any{value}
	}
	texts := make([]string, len(items))
	for i, item := range items {
		switch item.(type) {
		case string, bool, float64:
			texts[i] = strings.TrimSpace(fmt.Sprint(item))
		default:
			return fmt.Errorf("want a value or a list of values, got %v", item)
		}
	}
	if slice, ok := flag.Value.(pflag.SliceValue); ok {
		return slice.Replace(texts)
	}
	if isList {
		return fmt.Errorf("want one value, got a list")
	}
	return flags.Set(flag.Name, texts[0])
}
