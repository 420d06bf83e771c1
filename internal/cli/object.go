package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/resource"
)

// parseObject reads KIND/NAME or KIND NAME. A kind may be named as with kubectl: by
// its plural, its short name, with its group.
func parseObject(args []string) (record.Ref, resource.Kind, error) {
	word, name, slash := "", "", false
	switch len(args) {
	case 1:
		word, name, slash = strings.Cut(args[0], "/")
	case 2:
		word, name, slash = args[0], args[1], true
	}
	if !slash || word == "" || name == "" || strings.Contains(name, "/") {
		return record.Ref{}, resource.Kind{}, usageError{fmt.Errorf("%q is no object; name one as pod/web-1 or deploy/web", strings.Join(args, " "))}
	}
	k, ok := resource.NewNames().Find(word)
	if !ok {
		return record.Ref{}, resource.Kind{}, usageError{fmt.Errorf("no kind is called %q; name one as with kubectl, such as pod, deploy or svc", word)}
	}
	return k.Ref("", name), k, nil
}

// timeForms are how people write times; those without a zone are local.
var timeForms = []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02"}

// parseTime reads a moment: a time, a time of the last 24 hours as 10:42, or how
// long ago it was, as 2h30m.
func parseTime(text string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t, nil
	}
	for _, form := range timeForms {
		if t, err := time.ParseInLocation(form, text, now.Location()); err == nil {
			return t, nil
		}
	}
	for _, form := range []string{"15:04:05", "15:04"} {
		t, err := time.ParseInLocation(form, text, now.Location())
		if err != nil {
			continue
		}
		t = time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), t.Second(), 0, now.Location())
		if t.After(now) {
			t = t.AddDate(0, 0, -1)
		}
		return t, nil
	}
	return time.Time{}, fmt.Errorf("%q is no time; write 10:42, 2026-11-24T10:42:00Z or how long ago, as 2h", text)
}

// moment is a flag's time.
type moment struct {
	time time.Time
	text string
}

func (m *moment) String() string { return m.text }
func (m *moment) Type() string   { return "time" }

func (m *moment) Set(text string) (err error) {
	m.text = text
	m.time, err = parseTime(text, time.Now())
	return err
}
