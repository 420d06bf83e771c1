package lazyregexp

import (
	"slices"
	"testing"
)

func TestNewFindsMistakesInTests(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("New took an expression that cannot be compiled")
		}
	}()
	New(`(`)
}

func TestMethodsAreThoseOfRegexp(t *testing.T) {
	r := New(`(\w)(\d)`)
	if got := r.FindStringSubmatch("-a1"); !slices.Equal(got, []string{"a1", "a", "1"}) {
		t.Errorf("got %q", got)
	}
	if got := r.ReplaceAllString("a1 b2", "$2$1"); got != "1a 2b" {
		t.Errorf("got %q", got)
	}
	if !r.MatchString("x9") || r.MatchString("x") || r.String() != `(\w)(\d)` {
		t.Error("it does not match as regexp does")
	}
}
