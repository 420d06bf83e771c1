package logline

import (
	"strings"
)

// Hit is what a line tells.
type Hit struct {
	ID ID
	// Target is what the pattern's expression caught; empty if nothing.
	Target string
	// Addresses are the hosts that the line names.
	Addresses []Address
}

// maxLine is as much of a line as is looked at: what fails stands at its start.
const maxLine = 2000

// Classify tells what a line says; false if it follows no pattern.
func Classify(line string) (Hit, bool) {
	if len(line) > maxLine {
		line = line[:maxLine]
	}
	if !telling(line) {
		return Hit{}, false
	}
	low := strings.ToLower(line)
	for i := range Patterns {
		p := &Patterns[i]
		if !anyWord(low, p.Words) {
			continue
		}
		hit := Hit{ID: p.ID}
		if p.Expr != nil {
			m := p.Expr.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			if len(m) > 1 {
				hit.Target = m[1]
			}
		}
		if p.ID != Listening {
			hit.Addresses = Addresses(line)
		}
		return hit, true
	}
	return Hit{}, false
}

func anyWord(low string, words []string) bool {
	for _, w := range words {
		if strings.Contains(low, w) {
			return true
		}
	}
	return false
}
