package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

// format is how a command prints its result: -o.
type format string

const (
	table  format = "table"
	asJSON format = "json"
	asYAML format = "yaml"
)

// addOutput declares -o with the formats that a command knows; the first is
// the default.
func addOutput(cmd *cobra.Command, formats ...format) *format {
	value := &outputFlag{chosen: formats[0], known: formats}
	cmd.Flags().VarP(value, "output", "o", "format of the result: "+value.names())
	_ = cmd.RegisterFlagCompletionFunc("output", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return strings.Split(value.names(), ", "), cobra.ShellCompDirectiveNoFileComp
	}) // fails only for a flag that is not declared
	return &value.chosen
}

type outputFlag struct {
	chosen format
	known  []format
}

func (f *outputFlag) String() string { return string(f.chosen) }
func (f *outputFlag) Type() string   { return "format" }

func (f *outputFlag) Set(text string) error {
	if !slices.Contains(f.known, format(text)) {
		return fmt.Errorf("want one of %s", f.names())
	}
	f.chosen = format(text)
	return nil
}

func (f *outputFlag) names() string {
	names := make([]string, len(f.known))
	for i, known := range f.known {
		names[i] = string(known)
	}
	return strings.Join(names, ", ")
}

// printAs writes value as JSON or YAML.
func printAs(w io.Writer, f format, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	if f == asYAML {
		if data, err = yaml.JSONToYAML(data); err != nil {
			return err
		}
	} else {
		data = append(data, '\n')
	}
	_, err = w.Write(data)
	return err
}

// bytesText is a size for people: 1.5 GiB.
func bytesText(n int64) string {
	for _, unit := range []struct {
		size int64
		name string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= unit.size {
			return fmt.Sprintf("%.1f %s", float64(n)/float64(unit.size), unit.name)
		}
	}
	return fmt.Sprintf("%d B", n)
}
