package block

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// Record decodes a record. It returns record.ErrUnknownType for a type that
// this version does not know.
func (b *Block) Record(i int) (record.Record, error) {
	from := uint32(0)
	if i > 0 {
		from = b.ends[i-1]
	}
	r := &reader{data: b.payload[from:b.ends[i]]}
	p, err := b.decodePayload(r, int(b.typ[i]), b.times[i])
	if err != nil {
		return record.Record{}, err
	}
	return record.Record{
		Time: Time(b.times[i]), Source: b.str(b.source[i]), Object: b.Ref(i), Owners: b.Owners(i), Node: b.Node(i), Payload: p,
	}, nil
}

func (b *Block) decodePayload(r *reader, t int, at int64) (record.Payload, error) {
	bt := &b.types[t]
	p := record.New(bt.name)
	if p == nil {
		return nil, fmt.Errorf("decode record: %w: %q", record.ErrUnknownType, bt.name)
	}
	v := reflect.ValueOf(p).Elem()
	if !bt.resolved {
		resolve(bt.fields, v.Type())
		bt.resolved = true
	}
	set := r.uvarint()
	for i, f := range bt.fields {
		if set&(1<<i) == 0 {
			continue
		}
		target := reflect.Value{}
		if f.index >= 0 {
			target = v.Field(f.index)
		}
		if err := b.decodeValue(r, f.kind, target, at); err != nil {
			return nil, fmt.Errorf("decode record of type %s, field %s: %w", bt.name, f.name, err)
		}
	}
	if r.failed {
		return nil, fmt.Errorf("decode record of type %s: %w", bt.name, ErrMalformed)
	}
	return p, nil
}

// decodeValue reads a value and, if target is valid, sets it.
func (b *Block) decodeValue(r *reader, k kind, target reflect.Value, at int64) error {
	var value any
	switch k {
	case kindString:
		s := b.stringAt(r)
		if target.IsValid() {
			target.SetString(s) // its type may be another string type
		}
		return nil
	case kindInt, kindDuration:
		var n int64
		if k == kindDuration {
			n = r.span()
		} else {
			n = r.varint()
		}
		if target.IsValid() {
			target.SetInt(n)
		}
		return nil
	case kindFloat:
		value = r.float()
	case kindBool:
		value = true
	case kindTime:
		value = Time(at + r.span())
	case kindBytes:
		data := slices.Clone(r.bytes(r.uvarint()))
		if target.IsValid() {
			target.SetBytes(data)
		}
		return nil
	case kindStrings:
		list := make([]string, r.count())
		for i := range list {
			list[i] = b.stringAt(r)
		}
		value = list
	case kindLabels:
		labels := map[string]string{}
		for range r.count() {
			k := b.stringAt(r)
			labels[k] = b.stringAt(r)
		}
		value = labels
	case kindPayload:
		return b.decodeInner(r, target, at)
	case kindJSON:
		data := r.bytes(r.uvarint())
		if target.IsValid() && !r.failed {
			return json.Unmarshal(data, target.Addr().Interface())
		}
		return nil
	default:
		return fmt.Errorf("%w: kind %q", ErrMalformed, k)
	}
	if target.IsValid() {
		target.Set(reflect.ValueOf(value))
	}
	return nil
}

func (b *Block) decodeInner(r *reader, target reflect.Value, at int64) error {
	t := r.uvarint()
	data := r.bytes(r.uvarint())
	if r.failed || t >= uint64(len(b.types)) {
		return ErrMalformed
	}
	if !target.IsValid() {
		return nil
	}
	// A block's payload can be nested only as deep as it is long: each level
	// takes at least three bytes.
	p, err := b.decodePayload(&reader{data: data}, int(t), at)
	if err != nil {
		return err
	}
	target.Set(reflect.ValueOf(p))
	return nil
}
