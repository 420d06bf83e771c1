package table

import (
	"strings"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/view"
)

// event reads a row of `kubectl get events` or `kubectl events`.
func (p *parser) event(row view.Row, namespace string) {
	resource, name, ok := strings.Cut(row.Get("OBJECT"), "/")
	seen, aged := view.ParseInterval(row.Raw("LAST SEEN"))
	if !ok || !aged {
		return
	}
	about := record.Ref{Kind: resource, Namespace: namespace, Name: name}
	if k, known := p.names.Find(resource); known {
		about = k.Ref(namespace, name)
	}
	// -o wide has the first time and the count in columns of their own.
	if first := view.ParseAge(row.Raw("FIRST SEEN")); first.Known {
		seen.First = first
	} else if _, has := view.Int(row.Raw("COUNT")); seen.Count == 0 && !has {
		// The column shows the last time only.
		seen.First = view.Age{}
	}
	if n, ok := view.Int(row.Raw("COUNT")); ok {
		seen.Count = int(n)
	}
	component, _, _ := strings.Cut(row.Get("SOURCE"), ",")
	p.out.Events = append(p.out.Events, view.Event{About: about, Seen: seen, Name: row.Get("NAME"), Event: record.Event{
		Kind: row.Raw("TYPE"), Reason: row.Raw("REASON"), Message: row.Raw("MESSAGE"),
		Component: component, FieldPath: row.Get("SUBOBJECT"),
	}})
}

// Usage is a row of `kubectl top`.
type Usage struct {
	Object    record.Ref
	Container string
	// Cores and Bytes are what is used.
	Cores, Bytes float64
	// CoresOf and BytesOf are the capacities that the percentages stand for.
	CoresOf, BytesOf float64
}

func usage(row view.Row, object record.Ref) Usage {
	u := Usage{Object: object}
	// `top pod --containers` has the pod and the container.
	if pod := row.Get("POD"); pod != "" {
		u.Container, u.Object.Name = object.Name, pod
	}
	if q, ok := view.Quantity(row.Raw("CPU(cores)")); ok {
		u.Cores = q.AsApproximateFloat64()
	}
	if q, ok := view.Quantity(row.Raw("MEMORY(bytes)")); ok {
		u.Bytes = q.AsApproximateFloat64()
	}
	percent := func(used float64, columns ...string) float64 {
		for _, c := range columns {
			if n, ok := view.Int(row.Raw(c)); ok && n > 0 {
				return used * 100 / float64(n)
			}
		}
		return 0
	}
	u.CoresOf = percent(u.Cores, "CPU%", "CPU(%)")
	u.BytesOf = percent(u.Bytes, "MEMORY%", "MEMORY(%)")
	return u
}
