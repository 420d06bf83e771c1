package block

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// appendPayload writes which fields are set, then their values.
func (b *Builder) appendPayload(p record.Payload, t uint32, at int64) error {
	v := reflect.ValueOf(p).Elem()
	fields := b.used[t].fields
	var set uint64
	for i, f := range fields {
		if !v.Field(f.index).IsZero() {
			set |= 1 << i
		}
	}
	b.payload = binary.AppendUvarint(b.payload, set)
	for i, f := range fields {
		if set&(1<<i) == 0 {
			continue
		}
		if err := b.appendValue(v.Field(f.index), f, at); err != nil {
			return fmt.Errorf("field %s: %w", f.name, err)
		}
	}
	return nil
}

func (b *Builder) appendValue(v reflect.Value, f field, at int64) error {
	switch f.kind {
	case kindString:
		b.appendString(v.String())
	case kindInt:
		b.payload = binary.AppendVarint(b.payload, v.Int())
	case kindFloat:
		b.payload = appendFloat(b.payload, v.Float())
	case kindBool:
	case kindTime:
		b.appendTime(v.Interface().(time.Time), at)
	case kindDuration:
		b.payload = appendSpan(b.payload, v.Int())
	case kindBytes:
		b.appendBytes(v.Bytes())
	case kindStrings:
		b.payload = binary.AppendUvarint(b.payload, uint64(v.Len()))
		for i := range v.Len() {
			b.appendString(v.Index(i).String())
		}
	case kindLabels:
		labels := v.Interface().(map[string]string)
		b.payload = binary.AppendUvarint(b.payload, uint64(len(labels)))
		for _, k := range slices.Sorted(maps.Keys(labels)) {
			b.appendString(k)
			b.appendString(labels[k])
		}
	case kindPayload:
		return b.appendInner(v.Interface().(record.Payload), at)
	default:
		data, err := json.Marshal(v.Interface())
		if err != nil {
			return err
		}
		b.appendBytes(data)
	}
	return nil
}

func (b *Builder) appendString(s string) {
	b.payload = binary.AppendUvarint(b.payload, uint64(b.strings.add(s)))
}

func (b *Builder) appendBytes(data []byte) {
	b.payload = binary.AppendUvarint(b.payload, uint64(len(data)))
	b.payload = append(b.payload, data...)
}

// appendTime writes a time from the record's, which it is often equal or near to.
func (b *Builder) appendTime(t time.Time, at int64) {
	b.payload = appendSpan(b.payload, Nanos(t)-at)
}

// appendInner writes a payload within a payload, with its length before it, so
// that a reader that does not know its type can pass over it.
func (b *Builder) appendInner(p record.Payload, at int64) error {
	if p == nil || reflect.ValueOf(p).IsNil() {
		return ErrNoPayload
	}
	t := b.typeOf(p)
	outer := b.payload
	b.payload = nil
	err := b.appendPayload(p, t, at)
	inner := b.payload
	b.payload = outer
	if err != nil {
		return err
	}
	b.payload = binary.AppendUvarint(b.payload, uint64(t))
	b.appendBytes(inner)
	return nil
}
