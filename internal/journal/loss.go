package journal

import (
	"fmt"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// Name is the journal's name as source of records and as component.
const Name = "journal"

// loss counts records that were not taken, so that the gap is itself recorded:
// whoever reads the journal must not take it for silence.
type loss struct {
	count       int
	first, last time.Time
}

func (l *loss) add(n int, now time.Time) {
	if l.count == 0 {
		l.first = now
	}
	l.count += n
	l.last = now
}

// record is that of the gap.
func (l *loss) record() record.Record {
	return record.Record{Time: l.last.UTC(), Source: Name, Payload: &record.Component{
		Name: Name, Problem: "overloaded", Value: float64(l.count), Unit: "records",
		Message: fmt.Sprintf("%d records were not kept between %s and %s", l.count, l.first.UTC().Format(time.RFC3339), l.last.UTC().Format(time.RFC3339)),
	}}
}
