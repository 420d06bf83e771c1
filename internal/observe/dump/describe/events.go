package describe

import (
	"strings"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/lazyregexp"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/view"
)

// fieldPath is what kubectl writes before a message that is about a part of the
// object (since 1.34).
var fieldPath = lazyregexp.New(`^((?:spec|status|metadata)\.[A-Za-z]+(?:\{[^}]*\})?): `)

func parseEvents(lines []string, about record.Ref) []view.Event {
	if len(lines) < 3 || !strings.HasPrefix(strings.TrimSpace(lines[0]), "Type") {
		return nil
	}
	columns := view.ParseColumns(lines[0])
	if !columns.Has("Type", "Reason", "Age", "Message") {
		return nil
	}
	var events []view.Event
	for _, l := range lines[1:] {
		if strings.HasPrefix(strings.TrimSpace(l), "----") {
			continue
		}
		row, ok := columns.Cut(l)
		seen, aged := view.ParseInterval(row.Raw("Age"))
		if !ok || !aged || indentOf(l) != 2 {
			// A message with line breaks goes on in lines without an indent.
			if n := len(events); n > 0 && strings.TrimSpace(l) != "" {
				events[n-1].Event.Message += "\n" + strings.TrimRight(l, " \r")
			}
			continue
		}
		e := view.Event{About: about, Seen: seen, Event: record.Event{
			Kind: row.Raw("Type"), Reason: row.Raw("Reason"), Message: row.Raw("Message"), Component: row.Get("From"),
		}}
		if m := fieldPath.FindStringSubmatch(e.Event.Message); m != nil {
			e.Event.FieldPath = m[1]
			e.Event.Message = e.Event.Message[len(m[0]):]
		}
		events = append(events, e)
	}
	return events
}
