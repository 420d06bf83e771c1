package cli

import (
	"bytes"
	"encoding/csv"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
)

// flagSet declares every setting of c, and nothing else, so that a file of
// settings can be checked against it.
func flagSet(c *config.Config) *pflag.FlagSet {
	flags := pflag.NewFlagSet("settings", pflag.ContinueOnError)
	if c.Agent {
		c.AddAgentFlags(flags)
	} else {
		c.AddFlags(flags)
	}
	return flags
}

// pathSettings are files and folders, which the daemon would look for from
// another working directory.
var pathSettings = []string{"config", "data-dir", "resolv-conf", "write-kubeconfig"}

// addSettings declares every setting of the server, and the file of settings.
func (a *app) addSettings(cmd *cobra.Command, settings *pflag.FlagSet) {
	cmd.Flags().AddFlagSet(settings)
	a.addConfigFlag(cmd)
}

// loadSettings completes the settings behind the flags with those of the file,
// as far as finding the daemon takes it, and returns the arguments of
// `bulkheadd` for them: what was given on the command line. The file is read
// there anew. The data directory is always among them, so that a process list
// shows it.
func (a *app) loadSettings(cmd *cobra.Command, settings *pflag.FlagSet, c *config.Config) ([]string, error) {
	var given []string
	settings.VisitAll(func(flag *pflag.Flag) { // Visit knows only of what was set through this set
		if flag.Changed && flag.Name != "data-dir" {
			given = append(given, arguments(flag)...)
		}
	})
	if file := cmd.Flags().Lookup("config"); file.Changed {
		given = append(given, arguments(file)...)
	}
	if err := config.LoadFile(a.configFile, cmd.Flags().Changed("config"), settings); err != nil {
		return nil, err
	}
	if err := located(c); err != nil {
		return nil, err
	}
	role := "server"
	if c.Agent {
		role = "agent"
	}
	return append([]string{role, "--data-dir=" + c.DataDir}, given...), nil
}

// arguments are the words that give a flag its value.
func arguments(flag *pflag.Flag) []string {
	values := []string{flag.Value.String()}
	if list, ok := flag.Value.(pflag.SliceValue); ok {
		values = list.GetSlice()
	}
	var words []string
	for _, value := range values {
		if slices.Contains(pathSettings, flag.Name) {
			if absolute, err := filepath.Abs(value); err == nil { // fails without a working directory only
				value = absolute
			}
		}
		if flag.Value.Type() == "stringSlice" {
			value = csvField(value)
		}
		words = append(words, "--"+flag.Name+"="+value)
	}
	return words
}

// csvField is value such that a flag that splits at commas reads it as one.
func csvField(value string) string {
	if !strings.ContainsAny(value, ",\"\n") {
		return value
	}
	var buffer bytes.Buffer
	writer := csv.NewWriter(&buffer)
	_ = writer.Write([]string{value}) // a buffer takes everything
	writer.Flush()
	return strings.TrimSuffix(buffer.String(), "\n")
}
