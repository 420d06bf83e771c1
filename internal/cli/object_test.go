package cli

import (
	"testing"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

func TestParseTime(t *testing.T) {
	zone := time.FixedZone("CET", 3600)
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, zone)
	for text, want := range map[string]time.Time{
		"2h30m":                now.Add(-150 * time.Minute),
		"10:42":                time.Date(2026, 11, 24, 10, 42, 0, 0, zone),
		"23:05:01":             time.Date(2026, 11, 23, 23, 5, 1, 0, zone), // it is yet to come today
		"2026-11-20 10:42":     time.Date(2026, 11, 20, 10, 42, 0, 0, zone),
		"2026-11-20T10:42:07Z": time.Date(2026, 11, 20, 10, 42, 7, 0, time.UTC),
		"2026-11-20":           time.Date(2026, 11, 20, 0, 0, 0, 0, zone),
	} {
		if got, err := parseTime(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%s is %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "yesterday", "-2h", "25:00"} {
		if got, err := parseTime(text, now); err == nil {
			t.Errorf("%q is %s; want an error", text, got)
		}
	}
}

func TestParseObject(t *testing.T) {
	for text, want := range map[string]record.Ref{
		"po/a":                {Kind: "Pod", Name: "a"},
		"deploy/web":          {Group: "apps", Kind: "Deployment", Name: "web"},
		"deployments.apps/w":  {Group: "apps", Kind: "Deployment", Name: "w"},
		"Node/n1.example.com": {Kind: "Node", Name: "n1.example.com"},
	} {
		if got, _, err := parseObject([]string{text}); err != nil || got != want {
			t.Errorf("%s is %+v, %v", text, got, err)
		}
	}
	if got, _, err := parseObject([]string{"svc", "web"}); err != nil || got.Kind != "Service" || got.Name != "web" {
		t.Errorf("two words are %+v, %v", got, err)
	}
	for _, bad := range []string{"pod", "pod/", "/x", "pod/a/b", "gadget/x"} {
		if _, _, err := parseObject([]string{bad}); err == nil {
			t.Errorf("%q is an object", bad)
		}
	}
}
