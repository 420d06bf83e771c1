package cli

import (
	"io"
	"os"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
)

func TestEverySettingIsDocumented(t *testing.T) {
	docs := readDocs(t, "configuration.md")
	flagSet(config.Default()).VisitAll(func(flag *pflag.Flag) {
		if !strings.Contains(docs, "`"+flag.Name+"`") {
			t.Errorf("docs/configuration.md does not mention `%s`", flag.Name)
		}
	})
}

func TestEveryCommandIsDocumented(t *testing.T) {
	docs := readDocs(t, "cli.md")
	a := &app{name: "bulkhead", out: io.Discard, errOut: io.Discard}
	for _, command := range a.root().Commands() {
		if command.Hidden {
			continue
		}
		if command.Name() != "help" && !strings.Contains(docs, "\n## "+command.Name()+"\n") {
			t.Errorf("docs/cli.md has no section %q", command.Name())
		}
		if command.Example == "" && !command.HasSubCommands() {
			t.Errorf("%q has no example", command.Name())
		}
	}
}

func readDocs(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile("../../docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
