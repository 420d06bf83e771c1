package dump

import "github.com/bulkhead-k8s/bulkhead/internal/journal/record"

// places finds the namespace of objects that a text shows without one.
type places struct {
	// of has the namespaces in which an object of a kind and name is seen.
	seen map[record.Ref]map[string]bool
	// only is the namespace, if all objects of the dump are in one.
	only string
}

// places are found out once, when they are first asked for: whole objects have
// their namespace.
func (a *assembler) places() *places {
	if a.where != nil {
		return a.where
	}
	p := &places{seen: map[record.Ref]map[string]bool{}}
	a.where = p
	all := map[string]bool{}
	see := func(ref record.Ref) {
		ns := ref.Namespace
		ref.Namespace = ""
		if p.seen[ref] == nil {
			p.seen[ref] = map[string]bool{}
		}
		p.seen[ref][ns] = true
		all[ns] = true
	}
	for _, f := range a.finds {
		for _, o := range f.full {
			if o.head.Metadata.Namespace != "" {
				see(record.Ref{Group: o.kind.Group, Kind: o.kind.Kind, Namespace: o.head.Metadata.Namespace, Name: o.head.Metadata.Name})
			}
		}
		for _, pr := range f.prints {
			for _, v := range pr.views {
				if v.Kind.Namespaced && v.Object.GetNamespace() != "" {
					see(v.Ref().Key())
				}
			}
		}
	}
	p.only = single(all)
	return p
}

func single(m map[string]bool) string {
	if len(m) != 1 {
		return ""
	}
	for s := range m {
		return s
	}
	return ""
}

// current is the namespace that a command without one was about; "" if no
// command is known.
func (a *assembler) current(p *print) string {
	if p.cmd.verb == "" {
		return ""
	}
	return a.report.Namespace
}

// of is the namespace of an object: that of the command, the only one in which
// an object of this kind and name is seen, or the only one that there is.
func (p *places) of(ref record.Ref, current string) string {
	if current != "" {
		return current
	}
	ref.Namespace = ""
	if ns := single(p.seen[ref]); ns != "" {
		return ns
	}
	if len(p.seen[ref]) > 1 {
		return ""
	}
	return p.only
}
