// Package table reads the tables that `kubectl get` and `kubectl top` print, of
// any kind and with any of -A, -o wide and --show-labels, into typed objects that
// have only what the columns show.
package table

import (
	"strings"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/parallel"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/resource"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/view"
)

// Scope is what is known of a table from the command that printed it.
type Scope struct {
	// Kind is zero if it is not known.
	Kind resource.Kind
	// Namespace is that of the command; tables of -A have a column.
	Namespace string
}

// Table is what a text had.
type Table struct {
	// Kinds are those of the tables, in order; several with `kubectl get all`.
	Kinds  []resource.Kind
	Views  []*view.View
	Events []view.Event
	// Usage are the rows of `kubectl top`.
	Usage []Usage
	// Failed are the numbers (from 0) of lines that did not stand under a header.
	Failed []int
}

// Is tells whether a line is the header of a table of kubectl.
func Is(line string) bool {
	if !strings.HasPrefix(line, "NAME") && !strings.HasPrefix(line, "LAST") {
		return false
	}
	c := view.ParseColumns(line)
	n := c.Names()
	if len(n) < 2 || !upper(line) {
		return false
	}
	return (n[0] == "NAME" || n[0] == "NAMESPACE" || n[0] == "LAST SEEN" || n[0] == "LASTSEEN") &&
		(c.Has("AGE") || c.Has("CREATED AT") || kindOf(c) != "")
}

// upper tells headers from rows: they have no small letters, but for CPU(cores)
// and PORT(S).
func upper(line string) bool {
	depth := 0
	for i := 0; i < len(line); i++ {
		switch b := line[i]; {
		case b == '(':
			depth++
		case b == ')':
			depth--
		case b >= 'a' && b <= 'z' && depth == 0:
			return false
		}
	}
	return true
}

// Parse reads a text of one or several tables, on all cores.
func Parse(text string, scope Scope, names *resource.Names) Table {
	lines := strings.Split(text, "\n")
	p := parser{scope: scope, names: names}
	for at := 0; at < len(lines); {
		// Headers are read in their order, the rows below them side by side.
		end := at + 1
		for end < len(lines) && !strings.HasPrefix(lines[end], "NAME") && !strings.HasPrefix(lines[end], "LAST") {
			end++
		}
		p.line(at, lines[at])
		p.rows(at+1, lines[at+1:end])
		at = end
	}
	return p.out
}

// rows reads lines that have no header among them, of which the first has this
// number.
func (p *parser) rows(first int, lines []string) {
	const batch = 1024
	parts := make([]parser, (len(lines)+batch-1)/batch)
	parallel.Batches(len(lines), batch, func(from, to int) {
		part := &parts[from/batch]
		*part = parser{scope: p.scope, names: p.names, columns: p.columns, kind: p.kind}
		for i := from; i < to; i++ {
			part.line(first+i, lines[i])
		}
	})
	for i := range parts {
		p.out.join(parts[i].out)
	}
}

// join adds what the next lines had.
func (t *Table) join(o Table) {
	for _, k := range o.Kinds {
		if len(t.Kinds) == 0 || t.Kinds[len(t.Kinds)-1].Kind != k.Kind {
			t.Kinds = append(t.Kinds, k)
		}
	}
	t.Views = append(t.Views, o.Views...)
	t.Events = append(t.Events, o.Events...)
	t.Usage = append(t.Usage, o.Usage...)
	t.Failed = append(t.Failed, o.Failed...)
}

type parser struct {
	scope   Scope
	names   *resource.Names
	columns view.Columns
	kind    resource.Kind
	out     Table
}

func (p *parser) line(i int, l string) {
	l = strings.TrimRight(l, " \t\r")
	switch {
	case l == "":
	case Is(l) || len(p.columns.Names()) == 0 && upper(l) && strings.Contains(l, "  ") && strings.HasPrefix(l, "NAME"):
		p.columns = view.ParseColumns(l)
		p.kind = p.scope.Kind
		if p.kind.Kind == "" || p.columns.Has("CPU(cores)") {
			p.kind, _ = p.names.Find(kindOf(p.columns))
		}
		if p.kind.Kind != "" {
			p.out.Kinds = append(p.out.Kinds, p.kind)
		}
	case len(p.columns.Names()) == 0:
		p.bare(i, l)
	default:
		row, ok := p.columns.Cut(l)
		if !ok {
			p.out.Failed = append(p.out.Failed, i)
			return
		}
		p.row(row)
	}
}

// bare reads a row that has no header above it, as after a pipe to tail or grep.
func (p *parser) bare(i int, l string) {
	header, ok := bareHeader(p.scope.Kind.Kind, l)
	if !ok {
		p.out.Failed = append(p.out.Failed, i)
		return
	}
	columns := view.ParseColumns(header)
	f := strings.Fields(l)
	n := len(columns.Names())
	if len(f) < n {
		p.out.Failed = append(p.out.Failed, i)
		return
	}
	cells := append(f[:n-1:n-1], strings.Join(f[n-1:], " "))
	row, ok := columns.Cut(strings.Join(cells, "\t"))
	if !ok {
		p.out.Failed = append(p.out.Failed, i)
		return
	}
	p.kind = p.scope.Kind
	if columns.Has("LAST SEEN") {
		p.kind, _ = p.names.Find("Event")
	}
	p.row(row)
}

// bareHeader is the header that a row without one would have.
func bareHeader(kind, l string) (string, bool) {
	f := strings.Fields(l)
	if len(f) >= 5 {
		_, aged := view.ParseInterval(f[0])
		if aged && (f[1] == "Normal" || f[1] == "Warning") && strings.Contains(f[3], "/") {
			return "LAST SEEN   TYPE   REASON   OBJECT   MESSAGE", true
		}
		_, aged = view.ParseInterval(f[1])
		if len(f) > 5 && aged && (f[2] == "Normal" || f[2] == "Warning") && strings.Contains(f[4], "/") {
			return "NAMESPACE   LAST SEEN   TYPE   REASON   OBJECT   MESSAGE", true
		}
	}
	if len(f) != 5 || !view.ParseAge(f[4]).Known {
		return "", false
	}
	switch kind {
	case "Pod":
		return "NAME   READY   STATUS   RESTARTS   AGE", strings.Contains(f[1], "/")
	case "Deployment":
		return "NAME   READY   UP-TO-DATE   AVAILABLE   AGE", strings.Contains(f[1], "/")
	case "ReplicaSet":
		return "NAME   DESIRED   CURRENT   READY   AGE", true
	}
	return "", false
}

func (p *parser) row(row view.Row) {
	namespace := row.Get("NAMESPACE")
	if namespace == "" {
		namespace = p.scope.Namespace
	}
	kind, name := p.kind, row.Get("NAME")
	// `kubectl get all` writes the resource before the name.
	if prefix, rest, ok := strings.Cut(name, "/"); ok {
		if k, known := p.names.Find(prefix); known {
			kind, name = k, rest
			if len(p.out.Kinds) == 0 || p.out.Kinds[len(p.out.Kinds)-1].Kind != k.Kind {
				p.out.Kinds = append(p.out.Kinds, k)
			}
		}
	}
	switch {
	case kind.Kind == "Event":
		p.event(row, namespace)
	case kind.Kind == "" || name == "":
	case p.columns.Has("CPU(cores)"):
		p.out.Usage = append(p.out.Usage, usage(row, kind.Ref(namespace, name)))
	default:
		v := view.New(kind, namespace, name, record.Columns)
		v.Created(row.Raw("AGE"))
		if t, ok := view.Time(row.Raw("CREATED AT")); ok {
			v.Object.SetCreationTimestamp(t)
		}
		if l := view.Labels(row.Raw("LABELS")); l != nil {
			v.Object.SetLabels(l)
		}
		fill(row, v)
		p.out.Views = append(p.out.Views, v)
	}
}
