package dump

import (
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/resource"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/table"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/view"
)

// find is what one piece had, before the dump's time is known.
type find struct {
	piece string
	form  Form
	time  time.Time // of the file
	// full are whole objects, in the order of the piece.
	full []fullObject
	// prints are outputs of kubectl in text, in order.
	prints   []*print
	listings []listing
	absences []absence
	logs     []logFind
	alerts   []record.Alert
	audits   []record.Record
	records  []record.Record
	// newest is the newest time in the piece of which it is certain that it was
	// in the past when the piece was made.
	newest time.Time
	// pulse is the newest time of what is renewed every few minutes: it is not far
	// from when the piece was made.
	pulse time.Time
	// dates are times that the piece gives as those of its making.
	dates  []time.Time
	damage []Damage
	// unread are outputs in the piece that nothing was made of.
	unread []string
	// empty counts outputs without text, refused logs that kubectl did not give.
	empty, refused int
}

// fullObject is an object in JSON.
type fullObject struct {
	kind resource.Kind
	head head
	raw  []byte
	// event is what an Event says; nil for other objects.
	event *seenEvent
}

// print is one output: everything in it was printed at the same time.
type print struct {
	source string
	cmd    command
	views  []*view.View
	events []view.Event
	usage  []table.Usage
	// now is when it was printed.
	now time.Time
}

// listing is a complete list of a kind in a namespace.
type listing struct {
	kind      resource.Kind
	namespace string
	// here says that the command named no namespace: it is the current one.
	here     bool
	count    int
	selector string
	source   string
}

type absence struct {
	object  record.Ref
	here    bool
	message string
	source  string
}

// logFind is a log of something that is found by its name once all is read.
type logFind struct {
	hint
	kind     string // the kind, where the command said it
	previous bool
	lines    []string
	source   string
	// sure says that it is known to be a log; else that depends on the name.
	sure      bool
	component string
}

func (f *find) damaged(line int, format string, what error) {
	f.damage = append(f.damage, Damage{Piece: f.piece, Line: line, What: format + ": " + what.Error()})
}

// join adds what another part of the same piece had.
func (f *find) join(p *find) {
	f.full = append(f.full, p.full...)
	f.prints = append(f.prints, p.prints...)
	f.listings = append(f.listings, p.listings...)
	f.absences = append(f.absences, p.absences...)
	f.logs = append(f.logs, p.logs...)
	f.alerts = append(f.alerts, p.alerts...)
	f.audits = append(f.audits, p.audits...)
	f.records = append(f.records, p.records...)
	f.dates = append(f.dates, p.dates...)
	f.damage = append(f.damage, p.damage...)
	f.unread = append(f.unread, p.unread...)
	f.empty += p.empty
	f.refused += p.refused
	f.see(p.newest)
	f.beat(p.pulse)
}

// see notes a time that was past when the piece was made.
func (f *find) see(t time.Time) {
	if t.After(f.newest) {
		f.newest = t
	}
}

// beat notes a time of what is renewed every few minutes.
func (f *find) beat(t time.Time) {
	if t.After(f.pulse) {
		f.pulse = t
	}
}
