package dump

import (
	"fmt"
	"sort"
	"time"
)

// Form is what a file is.
type Form string

// The forms.
const (
	FormObjects     Form = "objects in JSON"
	FormYAML        Form = "objects in YAML"
	FormTables      Form = "kubectl's tables and descriptions"
	FormTerminal    Form = "terminal log"
	FormCommands    Form = "JSON of command to output"
	FormClusterInfo Form = "kubectl cluster-info dump"
	FormLogs        Form = "logs"
	FormAlerts      Form = "alerts"
	FormAudit       Form = "audit log"
	FormRecords     Form = "the journal's records"
	FormEmpty       Form = "empty"
	FormUnknown     Form = "not recognised"
)

// Damage is a part that could not be read.
type Damage struct {
	Piece string `json:"piece"`
	// Line counts from 1; 0 if it is not known.
	Line int    `json:"line,omitempty"`
	What string `json:"what"`
}

func (d Damage) String() string {
	if d.Line == 0 {
		return fmt.Sprintf("%s: %s", d.Piece, d.What)
	}
	return fmt.Sprintf("%s:%d: %s", d.Piece, d.Line, d.What)
}

// Report says what was read, and what was not.
type Report struct {
	// Time is when the dump was made, Origin how that is known.
	Time   time.Time `json:"time"`
	Origin string    `json:"origin"`
	// Exact is false where the time may be off by more than a few minutes.
	Exact bool `json:"exact"`
	// Namespace is that of commands which named none; Assumed says that nothing
	// in the dump tells it.
	Namespace string `json:"namespace,omitempty"`
	Assumed   bool   `json:"assumed,omitempty"`
	// Kinds counts objects by kind, Records by their type.
	Kinds   map[string]int `json:"kinds,omitempty"`
	Records map[string]int `json:"records,omitempty"`
	// Forms has the files by what they are.
	Forms map[Form][]string `json:"forms,omitempty"`
	Bytes int64             `json:"bytes"`
	// Unread are outputs and files that nothing was made of.
	Unread []string `json:"unread,omitempty"`
	// Empty counts outputs without any text, which were read as "none".
	Empty int `json:"empty,omitempty"`
	// Refused counts logs that kubectl answered with an error, mostly because
	// there was no container before.
	Refused int      `json:"refused,omitempty"`
	Damage  []Damage `json:"damage,omitempty"`
}

func (r *Report) sort() {
	sort.Strings(r.Unread)
	for _, f := range r.Forms {
		sort.Strings(f)
	}
	sort.Slice(r.Damage, func(i, j int) bool {
		a, b := r.Damage[i], r.Damage[j]
		return a.Piece < b.Piece || a.Piece == b.Piece && a.Line < b.Line
	})
}
