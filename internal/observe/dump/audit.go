package dump

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// auditEvent is what a record keeps of an Event of audit.k8s.io.
type auditEvent struct {
	Stage, RequestURI, Verb string
	User                    struct{ Username string }
	ObjectRef               *struct {
		Resource, Namespace, Name, UID, APIGroup, Subresource string
	}
	ResponseStatus *struct {
		Code    int
		Message string
	}
	RequestObject                            json.RawMessage
	RequestReceivedTimestamp, StageTimestamp time.Time
}

// audit reads an audit log: one JSON object a line, or a list.
func (r reader) audit(f *find, data []byte) {
	rest := data
	for line := 1; len(rest) > 0; line++ {
		l := rest
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			l, rest = rest[:i], rest[i+1:]
		} else {
			rest = nil
		}
		if l = bytes.TrimSpace(l); len(l) == 0 {
			continue
		}
		if bytes.Contains(l[:min(len(l), 200)], []byte(`"EventList"`)) {
			r.auditList(f, l)
			continue
		}
		var e auditEvent
		if err := json.Unmarshal(l, &e); err != nil {
			f.damaged(line, "reading an audit event", err)
			continue
		}
		r.addAudit(f, e)
	}
}

func (r reader) auditList(f *find, data []byte) {
	var list struct{ Items []auditEvent }
	if err := json.Unmarshal(data, &list); err != nil {
		f.damaged(0, "reading audit events", err)
	}
	for _, e := range list.Items {
		r.addAudit(f, e)
	}
}

func (r reader) addAudit(f *find, e auditEvent) {
	// A request has an entry for each of its stages; the last has its result.
	if e.Stage == "RequestReceived" || e.Stage == "ResponseStarted" && e.Verb != "watch" {
		return
	}
	a := &record.Audit{Verb: e.Verb, User: e.User.Username, URI: e.RequestURI}
	rec := record.Record{Time: e.StageTimestamp.UTC(), Source: f.piece, Payload: a}
	if e.ResponseStatus != nil {
		a.Code, a.Message = e.ResponseStatus.Code, e.ResponseStatus.Message
	}
	if !e.RequestReceivedTimestamp.IsZero() {
		a.Latency = max(0, e.StageTimestamp.Sub(e.RequestReceivedTimestamp))
	}
	secret := false
	if o := e.ObjectRef; o != nil {
		secret = o.Resource == "secrets"
		if k, ok := r.names.Find(o.Resource); ok && k.Group == o.APIGroup {
			rec.Object = k.Ref(o.Namespace, o.Name)
		} else {
			rec.Object = record.Ref{Group: o.APIGroup, Kind: strings.TrimSuffix(o.Resource, "s"), Namespace: o.Namespace, Name: o.Name}
		}
		rec.Object.UID = o.UID
	}
	if (e.Verb == "patch" || e.Verb == "update" || e.Verb == "create") && !secret && len(e.RequestObject) > 0 {
		a.Patch = e.RequestObject
	}
	f.see(rec.Time)
	f.audits = append(f.audits, rec)
}
