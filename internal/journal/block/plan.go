package block

import (
	"encoding/json"
	"reflect"
	"strings"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// kind says how a field's value is encoded; it is kept on disk.
type kind byte

const (
	kindString   kind = 's' // number in the table of strings
	kindInt      kind = 'i' // zigzag varint
	kindFloat    kind = 'f' // varint of the reversed bits: round numbers are short
	kindBool     kind = 'b' // nothing: it is there, so it is true
	kindTime     kind = 't' // span from the record's time
	kindDuration kind = 'd' // span
	kindBytes    kind = 'r' // length and bytes
	kindStrings  kind = 'l' // count and numbers of strings
	kindLabels   kind = 'm' // count and pairs of numbers of strings
	kindPayload  kind = 'p' // number of its type, length and the payload
	kindJSON     kind = 'j' // as JSON: whatever has no shorter form
)

// field is one field of a payload.
type field struct {
	name  string
	kind  kind
	index int // in the Go struct; -1 if this version does not know it
}

// plan is how payloads of one Go type are encoded. At most 64 fields: which are
// set is one number.
type plan struct {
	fields []field
}

// newPlan reads the fields of a payload's struct.
func newPlan(t reflect.Type) *plan {
	p := &plan{}
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() {
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			name = f.Name
		}
		p.fields = append(p.fields, field{name: name, kind: kindOf(f.Type), index: i})
	}
	return p
}

func kindOf(t reflect.Type) kind {
	switch t {
	case reflect.TypeFor[time.Time]():
		return kindTime
	case reflect.TypeFor[time.Duration]():
		return kindDuration
	case reflect.TypeFor[json.RawMessage](), reflect.TypeFor[[]byte]():
		return kindBytes
	case reflect.TypeFor[[]string]():
		return kindStrings
	case reflect.TypeFor[map[string]string]():
		return kindLabels
	case reflect.TypeFor[record.Payload]():
		return kindPayload
	}
	switch t.Kind() {
	case reflect.String:
		return kindString
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return kindInt
	case reflect.Float64:
		return kindFloat
	case reflect.Bool:
		return kindBool
	}
	return kindJSON
}

// resolve finds in the Go struct the fields that a block names. A field whose
// kind has changed since is not known any more.
func resolve(fields []field, t reflect.Type) {
	known := map[string]field{}
	for _, f := range newPlan(t).fields {
		known[f.name] = f
	}
	for i, f := range fields {
		fields[i].index = -1
		if k, ok := known[f.name]; ok && k.kind == f.kind {
			fields[i].index = k.index
		}
	}
}
