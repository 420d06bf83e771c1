package rules

import (
	"strings"
	"testing"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/facts"
)

func TestTable(t *testing.T) {
	rows := Rows()
	if len(rows) < 60 {
		t.Errorf("%d rules, want at least 60", len(rows))
	}
	for _, r := range rows {
		for _, id := range strings.Fields(r.Cause + " " + r.Effect) {
			if _, ok := facts.Kinds[id]; !ok {
				t.Errorf("rule %s -> %s: no fact is called %s", r.Cause, r.Effect, id)
			}
		}
		if r.Relation == "" || !strings.HasPrefix(r.Source, "https://") || r.Why == "" || !strings.Contains(r.Sentence, "{") && r.Relation != Same {
			t.Errorf("rule %s -> %s lacks a relation, a reason, a source or a sentence about its objects", r.Cause, r.Effect)
		}
	}
	first := map[string]bool{}
	for _, r := range Table() {
		if facts.Kinds[r.Cause].Cause >= 0.5 {
			first[r.Cause] = true
		}
	}
	if len(first) < 45 {
		t.Errorf("%d first causes have rules, want at least 45", len(first))
	}
	t.Logf("%d rules, %d pairs, %d first causes", len(rows), len(Table()), len(first))
}

// TestOnce wants each cause and effect to stand once for a relation: of two rows
// that say the same of them, only the first would ever be told.
func TestOnce(t *testing.T) {
	type pair struct {
		cause, effect string
		relation      Relation
	}
	seen := map[pair]string{}
	for _, r := range Table() {
		p := pair{r.Cause, r.Effect, r.Relation}
		if old, ok := seen[p]; ok {
			t.Errorf("%s -> %s (%s) stands twice: %q and %q", r.Cause, r.Effect, r.Relation, old, r.Sentence)
		}
		seen[p] = r.Sentence
	}
}
