package view

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"
)

// TestAges prints spans as kubectl does and reads them back: the true span is
// never less than what is read, and less than a unit more.
func TestAges(t *testing.T) {
	for span := time.Duration(0); span < 20*year; span += 1 + span/97*2 + 311*time.Millisecond {
		a := ParseAge(duration.HumanDuration(span))
		if !a.Known || a.Span > span || span >= a.Span+a.Unit {
			t.Fatalf("%s is printed %s and read as %s to %s", span, duration.HumanDuration(span), a.Span, a.Span+a.Unit)
		}
	}
	for _, s := range []string{"", "<unknown>", "<invalid>", "x", "5", "5x", "-5s", "5m x", "99999999999999999999s"} {
		if a := ParseAge(s); a.Known {
			t.Errorf("%q is read as %+v", s, a)
		}
	}
}

func TestIntervals(t *testing.T) {
	for s, want := range map[string]Interval{
		"93s":                  {Last: ParseAge("93s"), First: ParseAge("93s")},
		"5m (x3 over 10m)":     {Last: ParseAge("5m"), First: ParseAge("10m"), Count: 3},
		"<unknown>":            {},
		"2m1s (x12 over 3d1h)": {Last: ParseAge("2m1s"), First: ParseAge("3d1h"), Count: 12},
	} {
		if got, ok := ParseInterval(s); !ok || got != want {
			t.Errorf("%q: %+v %t", s, got, ok)
		}
	}
	if _, ok := ParseInterval("Normal"); ok {
		t.Error("a word is read as an age")
	}
}
