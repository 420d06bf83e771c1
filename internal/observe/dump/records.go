package dump

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// maxRecord is more than etcd lets an object have: a longer line is something else.
const maxRecord = 4 << 20

// isRecords tells an export of the journal: one record a line, each with a time, a
// type and a payload.
func isRecords(data []byte) bool {
	line, _, _ := bytes.Cut(data, []byte("\n"))
	var head struct {
		Time, Type, Payload json.RawMessage
	}
	return len(line) < maxRecord && json.Unmarshal(line, &head) == nil && head.Time != nil && head.Type != nil && head.Payload != nil
}

// records reads an export. What a later version wrote is left out and reported.
func (r reader) records(f *find, data []byte) {
	for n := 1; len(data) > 0; n++ {
		var line []byte
		line, data, _ = bytes.Cut(data, []byte("\n"))
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		var rec record.Record
		if err := json.Unmarshal(line, &rec); err != nil {
			f.damaged(n, "reading a record", err)
			continue
		}
		if rec.Source == "" {
			rec.Source = fmt.Sprintf("%s:%d", f.piece, n)
		}
		f.see(rec.Time)
		f.beat(rec.Time) // a journal is written all the time
		f.records = append(f.records, rec)
	}
}

// emitRecords adds exported records as they are: they have times and owners of
// their own. Where they lack owners or a node, the dump's objects tell them.
func (a *assembler) emitRecords() {
	for _, f := range a.finds {
		for _, rec := range f.records {
			key := rec.Object.Key()
			if len(rec.Owners) == 0 {
				rec.Owners = a.owners.above(key)
			}
			if rec.Node == "" {
				rec.Node = a.owners.node[key]
			}
			a.out = append(a.out, rec)
		}
	}
}
