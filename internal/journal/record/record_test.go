package record

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"
)

var at = time.Date(2026, 11, 24, 10, 42, 0, 5000, time.UTC)

// types is each type that is kept; a payload that is not among them could not be
// read back.
var types = []Type{
	TypeState, TypeListing, TypeAbsence, TypeEvent, TypeLog, TypeAlert, TypeAudit, TypeExit, TypeOOMKill,
	TypeCoreDump, TypeStop, TypeUsage, TypePressure, TypeThrottling, TypeNetwork, TypePull, TypeProbe, TypeComponent, TypeSummary,
}

func TestRoundTrip(t *testing.T) {
	full := Record{
		Time: at, Source: "api", Node: "n1",
		Object: Ref{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web", UID: "u1"},
		Owners: []Ref{{Kind: "Thing", Name: "x"}},
	}
	for _, kind := range types {
		r := full
		r.Payload = New(kind)
		if r.Payload == nil || r.Type() != kind {
			t.Fatalf("New(%s) has type %q", kind, r.Type())
		}
		if s, ok := r.Payload.(*Summary); ok {
			*s = Summary{Of: TypeEvent, Count: 3, First: at, Last: at.Add(time.Second), Sample: &Event{Reason: "BackOff"}}
		}
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		var back Record
		if err := json.Unmarshal(data, &back); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if !reflect.DeepEqual(r, back) {
			t.Errorf("%s: got %+v, want %+v", kind, back, r)
		}
	}
}

func TestUnknownType(t *testing.T) {
	var r Record
	err := json.Unmarshal([]byte(`{"time":"2026-11-24T10:42:00Z","type":"dream","payload":{}}`), &r)
	if !errors.Is(err, ErrUnknownType) {
		t.Errorf("got %v, want ErrUnknownType", err)
	}
}

func TestRefString(t *testing.T) {
	for want, ref := range map[string]Ref{
		"cluster":      {},
		"Node/n1":      {Kind: "Node", Name: "n1"},
		"Pod/shop/web": {Kind: "Pod", Namespace: "shop", Name: "web", UID: "u"},
	} {
		if got := ref.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
