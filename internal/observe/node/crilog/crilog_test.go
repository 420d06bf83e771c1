package crilog

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const sample = `2026-11-24T10:00:00.1Z stdout F started
2026-11-24T10:00:01Z stderr P a long
2026-11-24T10:00:01Z stderr F  line
no line of a runtime
2026-11-24T10:00:02Z stderr F abort
2026-11-24T10:05:00Z stdout F after the restart
`

func TestTail(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "3.log"), []byte(sample), 0o600); err != nil {
		t.Fatal(err)
	}
	crash := time.Date(2026, 11, 24, 10, 0, 2, 0, time.UTC)
	for _, restarts := range []string{"3", ""} {
		got, err := Tail(dir, restarts, crash, 50)
		if want := []string{"started", "a long line", "abort"}; err != nil || !slices.Equal(got, want) {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	if got, err := Tail(dir, "3", crash, 1); err != nil || !slices.Equal(got, []string{"abort"}) {
		t.Errorf("the last line: got %q, %v", got, err)
	}
	if got, err := Tail(dir, "3", time.Time{}, 1); err != nil || !slices.Equal(got, []string{"after the restart"}) {
		t.Errorf("to its end: got %q, %v", got, err)
	}
	if _, err := Tail(dir, "4", crash, 1); err == nil {
		t.Error("a log that is not there is no error")
	}
}

// What the runtime still writes after the crash is waited for.
func TestSettle(t *testing.T) {
	path := filepath.Join(t.TempDir(), "0.log")
	if err := os.WriteFile(path, []byte(sample), 0o600); err != nil {
		t.Fatal(err)
	}
	last := time.Now().Add(2 * quiet)
	go func() {
		for time.Now().Before(last) {
			time.Sleep(pause)
			_ = os.Chtimes(path, time.Now(), time.Now())
		}
	}()
	Settle(t.Context(), filepath.Dir(path), "0")
	if time.Now().Before(last) {
		t.Error("a log that is being written was not waited for")
	}
	began := time.Now()
	if Settle(t.Context(), filepath.Dir(path), "9"); time.Since(began) > patience {
		t.Error("a log that is not there was waited for")
	}
}

func FuzzLines(f *testing.F) {
	f.Add(sample)
	f.Fuzz(func(t *testing.T, s string) {
		got := lines(s, time.Now(), 3)
		if len(got) > 3 {
			t.Errorf("%d lines", len(got))
		}
		for _, line := range got {
			if len(line) > maxLine+len("…") || strings.Contains(line, "\n") {
				t.Errorf("line %q", line)
			}
		}
	})
}
