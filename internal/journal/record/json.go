package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// ErrUnknownType indicates that a record has a payload of a type that this
// version does not know, as one that a later version wrote.
var ErrUnknownType = errors.New("unknown type of record")

// line is a record's form in exports.
type line struct {
	Time    time.Time       `json:"time"`
	Source  string          `json:"source,omitempty"`
	Type    Type            `json:"type"`
	Object  *Ref            `json:"object,omitempty"`
	Owners  []Ref           `json:"owners,omitempty"`
	Node    string          `json:"node,omitempty"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// MarshalJSON gives the form of exports.
func (r Record) MarshalJSON() ([]byte, error) {
	if r.Payload == nil {
		return nil, errors.New("encode record: it has no payload")
	}
	payload, err := json.Marshal(r.Payload)
	if err != nil {
		return nil, fmt.Errorf("encode record: %w", err)
	}
	l := line{Time: r.Time.UTC(), Source: r.Source, Type: r.Type(), Owners: r.Owners, Node: r.Node, Payload: payload}
	if r.Object != (Ref{}) {
		l.Object = &r.Object
	}
	return json.Marshal(l)
}

// UnmarshalJSON reads the form of exports. It returns ErrUnknownType for a type
// that is not known.
func (r *Record) UnmarshalJSON(data []byte) error {
	var l line
	if err := json.Unmarshal(data, &l); err != nil {
		return fmt.Errorf("decode record: %w", err)
	}
	payload := New(l.Type)
	if payload == nil {
		return fmt.Errorf("decode record: %w: %q", ErrUnknownType, l.Type)
	}
	if len(l.Payload) > 0 {
		if err := json.Unmarshal(l.Payload, payload); err != nil {
			return fmt.Errorf("decode record of type %s: %w", l.Type, err)
		}
	}
	*r = Record{Time: l.Time.UTC(), Source: l.Source, Owners: l.Owners, Node: l.Node, Payload: payload}
	if l.Object != nil {
		r.Object = *l.Object
	}
	return nil
}

// MarshalJSON puts the sample beside the counts.
func (s Summary) MarshalJSON() ([]byte, error) {
	type plain Summary
	return json.Marshal(struct {
		plain
		Sample Payload `json:"sample,omitempty"`
	}{plain(s), s.Sample})
}

// UnmarshalJSON reads the sample as a payload of the type Of.
func (s *Summary) UnmarshalJSON(data []byte) error {
	type plain Summary
	var v struct {
		plain
		Sample json.RawMessage `json:"sample"`
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	*s = Summary(v.plain)
	if len(v.Sample) == 0 {
		return nil
	}
	if s.Sample = New(s.Of); s.Sample == nil {
		return fmt.Errorf("%w: %q", ErrUnknownType, s.Of)
	}
	return json.Unmarshal(v.Sample, s.Sample)
}
