package dump

import (
	"strings"

	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/describe"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/table"
)

// section is a part of an output: a table, descriptions, or sentences.
type section struct {
	kind string // table, describe or other
	text string
	line int // of its first line in the output, from 0
}

// sections parts a text in which tables and descriptions stand one after the
// other.
func sections(text string) []section {
	var out []section
	start := 0 // of the last section
	afterBlank := true
	for at, n := 0, 0; at <= len(text); n++ {
		end := strings.IndexByte(text[at:], '\n')
		if end < 0 {
			end = len(text)
		} else {
			end += at
		}
		l := text[at:end]
		kind, last := "", ""
		if len(out) > 0 {
			last = out[len(out)-1].kind
		}
		switch {
		case table.Is(l):
			kind = "table"
		case strings.HasPrefix(l, "Name:") && (afterBlank || last == "other") && describe.Is(text[at:]):
			kind = "describe"
		case answered(l), len(out) == 0:
			kind = "other"
		}
		if kind != "" && (kind != last || kind == "table") {
			if len(out) > 0 {
				out[len(out)-1].text = text[start : at-1]
			}
			out = append(out, section{kind: kind, line: n})
			start = at
		}
		afterBlank = strings.TrimSpace(l) == ""
		at = end + 1
	}
	if len(out) > 0 {
		out[len(out)-1].text = text[start:]
	}
	return out
}
