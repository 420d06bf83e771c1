package diagnose_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/facts"
)

// The table of first causes stands between these lines of the page.
const (
	page       = "../../docs/diagnosis.md"
	tableStart = "<!-- first causes: written by go test ./internal/diagnose -run TestDocs -update -->\n"
	tableEnd   = "<!-- end of first causes -->\n"
)

// nameable is how likely a first cause a fact must be to stand in the table: what
// is below is mostly a symptom.
const nameable = 0.5

func causesTable() string {
	var b strings.Builder
	fmt.Fprint(&b, "| reason | what it means | what to do |\n|---|---|---|\n")
	for _, id := range slices.Sorted(maps.Keys(facts.Kinds)) {
		if k := facts.Kinds[id]; k.Cause >= nameable {
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", id, k.Means, k.Fix)
		}
	}
	return b.String()
}

// TestDocs keeps the page's table of first causes that of the program.
func TestDocs(t *testing.T) {
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := bytes.Cut(data, []byte(tableStart))
	old, after, ok2 := bytes.Cut(rest, []byte(tableEnd))
	if !ok || !ok2 {
		t.Fatalf("%s lacks the lines around the table", page)
	}
	table := causesTable()
	if *update {
		all := slices.Concat(before, []byte(tableStart), []byte(table), []byte(tableEnd), after)
		if err := os.WriteFile(page, all, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(old) != table {
		t.Errorf("the table in %s is old: run go test ./internal/diagnose -run TestDocs -update", page)
	}
}
