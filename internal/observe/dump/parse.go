package dump

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/lazyregexp"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/describe"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/parallel"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/resource"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/table"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/view"
)

// reader parses pieces. It holds nothing that changes: pieces are parsed side by
// side.
type reader struct{ names *resource.Names }

// parse reads one piece.
func (r reader) parse(p piece) *find {
	f := &find{piece: p.name, time: p.time, form: FormUnknown}
	if !p.text() {
		return f
	}
	f.form = recognise(p.data)
	switch f.form {
	case FormObjects:
		r.objects(f, p.data, command{})
	case FormYAML:
		r.yaml(f, p.data, command{})
	case FormCommands:
		r.commands(f, p.data)
	case FormTerminal:
		r.terminal(f, string(p.data))
	case FormTables:
		r.printed(f, string(p.data), commandOfName(p.name, r.names), 0)
	case FormClusterInfo:
		r.clusterInfo(f, p.data)
	case FormAlerts:
		r.alerts(f, p.data)
	case FormAudit:
		r.audit(f, p.data)
	case FormRecords:
		r.records(f, p.data)
	case FormLogs:
		r.logs(f, p)
	}
	return f
}

// commands reads {"kubectl get pods": "NAME …"} and [{"command": …, "output": …}].
func (r reader) commands(f *find, data []byte) {
	var all []typed
	s := scanner{data: data}
	s.space()
	if s.pos < len(data) && data[s.pos] == '[' {
		var list []struct{ Command, Output string }
		if err := json.Unmarshal(data, &list); err != nil {
			f.damaged(0, "reading commands", err)
		}
		for _, c := range list {
			all = append(all, typed{command: c.Command, output: c.Output})
		}
		r.outputs(f, all)
		return
	}
	err := s.object(func(key string) (bool, error) {
		v, err := s.value()
		if err != nil {
			return false, err
		}
		all = append(all, typed{command: key, raw: v})
		return true, nil
	})
	if err != nil {
		f.damaged(0, "reading commands", err)
	}
	r.outputs(f, all)
}

// outputs reads what several commands printed, on all cores.
func (r reader) outputs(f *find, all []typed) {
	parts := make([]*find, len(all))
	parallel.Each(len(all), func(i int) {
		t := all[i]
		switch {
		case len(t.raw) == 0:
		case t.raw[0] == '"':
			t.output = unquote(t.raw)
		case t.raw[0] == '{' || t.raw[0] == '[':
			t.output = string(t.raw)
		}
		parts[i] = &find{piece: f.piece, time: f.time}
		r.output(parts[i], parseCommand(t.command, r.names), t.output, t.line)
	})
	for _, p := range parts {
		f.join(p)
	}
}

// terminal reads a terminal log.
func (r reader) terminal(f *find, text string) {
	r.outputs(f, splitTerminal(text))
}

// dateLine is the output of date, in its usual forms.
var dateLine = lazyregexp.New(`^(?:\w{3},? +\w{3} +\d+ +\d\d:\d\d:\d\d(?: [AP]M)? \w+ \d{4}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*)$`)

// output reads what one command printed.
func (r reader) output(f *find, c command, out string, line int) {
	if strings.TrimSpace(out) == "" {
		if c.listing() && c.output != "jsonpath" && c.output != "name" {
			f.empty++
			r.list(f, c, c.kinds, "", 0)
		}
		return
	}
	switch {
	case c.verb == "logs":
		r.commandLog(f, c, out)
	case c.verb == "get" || c.verb == "describe" || c.verb == "top" || c.verb == "" && c.program == "":
		r.kubectl(f, c, out, line)
	case c.verb == "config":
		r.config(f, c)
	case c.program == "date":
		if l := strings.TrimSpace(out); dateLine.MatchString(l) {
			if t, ok := parseDate(l); ok {
				f.dates = append(f.dates, t)
			}
		}
	case c.verb != "":
		// version, apply, rollout and the like: nothing of the cluster's state.
		f.unread = append(f.unread, c.line)
	default:
		f.logs = append(f.logs, logFind{lines: lines(out), source: c.line, sure: true, component: componentOf(c, out)})
	}
}

func parseDate(s string) (time.Time, bool) {
	for _, l := range []string{time.RFC3339, "Mon Jan _2 15:04:05 MST 2006", "Mon Jan _2 15:04:05 PM MST 2006", "Mon _2 Jan 15:04:05 MST 2006", "Mon Jan _2 03:04:05 PM MST 2006"} {
		t, err := time.Parse(l, s)
		// A zone's abbreviation that Go does not know says nothing of the offset.
		if _, offset := t.Zone(); err == nil && (offset != 0 || strings.Contains(s, "UTC") || strings.Contains(s, "GMT") || l == time.RFC3339) {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// config notes the namespace that `kubectl config set-context` chose.
func (r reader) config(f *find, c command) {
	if c.namespace != "" && strings.Contains(c.line, "set-context") {
		f.listings = append(f.listings, listing{namespace: c.namespace, source: c.line})
	}
}

// kubectl reads the output of get, describe and top, in whatever form.
func (r reader) kubectl(f *find, c command, out string, line int) {
	out = withoutNoise(out)
	trimmed := strings.TrimLeft(out, " \t\r\n")
	switch {
	case trimmed == "":
		if c.listing() {
			f.empty++
			r.list(f, c, c.kinds, "", 0)
		}
	case trimmed[0] == '{' || trimmed[0] == '[':
		r.objects(f, []byte(out), c)
	case c.output == "yaml" || isYAML(trimmed[:min(len(trimmed), 1<<14)]):
		r.yaml(f, []byte(out), c)
	default:
		r.printed(f, out, c, line)
	}
}

func withoutNoise(out string) string {
	if !strings.Contains(out, "Warning: ") && !klogAnywhere(out) {
		return out
	}
	var keep []string
	for _, l := range strings.Split(out, "\n") {
		if !noise(l) {
			keep = append(keep, l)
		}
	}
	return strings.Join(keep, "\n")
}

func klogAnywhere(out string) bool {
	head := out[:min(len(out), 4096)]
	for _, l := range strings.Split(head, "\n") {
		if klog.MatchString(l) {
			return true
		}
	}
	return false
}

// printed reads tables, descriptions and kubectl's sentences.
func (r reader) printed(f *find, text string, c command, line int) {
	source := c.line
	if source == "" {
		source = f.piece
	}
	p := &print{source: source, cmd: c}
	understood := false
	for _, s := range sections(text) {
		switch s.kind {
		case "table":
			understood = r.table(f, p, s.text, line+s.line) || understood
		case "describe":
			understood = r.describe(f, p, s.text, line+s.line) || understood
		default:
			understood = r.sentences(f, p, s, line) || understood
		}
	}
	if p.views != nil || p.events != nil || p.usage != nil {
		newest, pulse := newestShown(p)
		f.see(newest)
		f.beat(pulse)
		f.prints = append(f.prints, p)
	}
	if !understood {
		f.unread = append(f.unread, source)
	}
}

func (r reader) table(f *find, p *print, text string, line int) bool {
	t := table.Parse(text, table.Scope{Kind: p.cmd.kind(), Namespace: p.cmd.namespace}, r.names)
	for _, i := range t.Failed {
		f.damaged(line+i+1, "reading a table of "+p.source, fmt.Errorf("the line does not stand under the header"))
	}
	p.views = append(p.views, t.Views...)
	p.events = append(p.events, t.Events...)
	p.usage = append(p.usage, t.Usage...)
	if p.cmd.listing() && p.cmd.verb == "get" && !p.cmd.all {
		for _, k := range p.cmd.kinds {
			n := len(t.Events)
			if k.Kind != "Event" {
				n = count(t.Views, k)
			}
			if len(p.cmd.kinds) == 1 || n > 0 {
				r.list(f, p.cmd, []resource.Kind{k}, "", n)
			}
		}
	}
	return len(t.Views)+len(t.Events)+len(t.Usage) > 0 || len(t.Kinds) > 0
}

func count(views []*view.View, k resource.Kind) int {
	n := 0
	for _, v := range views {
		if v.Kind.Kind == k.Kind && v.Kind.Group == k.Group {
			n++
		}
	}
	return n
}

func (r reader) describe(f *find, p *print, text string, line int) bool {
	views, failed := describe.Parse(text, describe.Scope{Kind: p.cmd.kind(), Namespace: p.cmd.namespace}, r.names)
	for _, i := range failed {
		f.damaged(line+i+1, "reading a description of "+p.source, fmt.Errorf("its kind could not be told"))
	}
	for _, v := range views {
		p.events = append(p.events, v.Events...)
		v.Events = nil
	}
	p.views = append(p.views, views...)
	if p.cmd.listing() && p.cmd.verb == "describe" && len(p.cmd.kinds) == 1 {
		r.list(f, p.cmd, p.cmd.kinds, "", len(views))
	}
	return len(views) > 0
}

var (
	notFound    = lazyregexp.New(`^(?:Error: )?Error from server \(NotFound\): ([a-z0-9.-]+) "([^"]+)" not found`)
	noResources = lazyregexp.New(`^No resources found(?: in (\S+) namespace)?\.?$`)
)

// sentences reads kubectl's answers: not found, no resources. Other rows are
// tried as rows of a table that lost its header.
func (r reader) sentences(f *find, p *print, s section, line int) bool {
	understood := false
	var rows []string
	for l := range strings.SplitSeq(s.text, "\n") {
		l = strings.TrimRight(l, " \t\r")
		if m := notFound.FindStringSubmatch(l); m != nil {
			r.absent(f, p.cmd, m[1], m[2], l)
			understood = true
		} else if m := noResources.FindStringSubmatch(l); m != nil {
			if p.cmd.listing() {
				r.list(f, p.cmd, p.cmd.kinds, m[1], 0)
			}
			understood = true
		} else if answered(l) || l == "" || isCommandLine(l) {
			understood = understood || answered(l)
		} else {
			rows = append(rows, l)
		}
	}
	if len(rows) == 0 {
		return understood
	}
	t := table.Parse(strings.Join(rows, "\n"), table.Scope{Kind: p.cmd.kind(), Namespace: p.cmd.namespace}, r.names)
	p.views = append(p.views, t.Views...)
	p.events = append(p.events, t.Events...)
	return understood || len(t.Views)+len(t.Events) > 0
}

// list notes a complete list.
func (r reader) list(f *find, c command, kinds []resource.Kind, namespace string, n int) {
	if strings.ContainsAny(c.selector, "<>") {
		return
	}
	if namespace == "" {
		namespace = c.namespace
	}
	for _, k := range kinds {
		l := listing{kind: k, count: n, selector: c.selector, source: c.line}
		if k.Namespaced && !c.everywhere {
			l.namespace, l.here = namespace, namespace == ""
		}
		f.listings = append(f.listings, l)
	}
}

func (r reader) absent(f *find, c command, kind, name, message string) {
	k, ok := r.names.Find(kind)
	if !ok {
		plural, group, _ := strings.Cut(kind, ".")
		k = r.names.Of(group+"/", plural, c.namespace)
	}
	a := absence{object: k.Ref(c.namespace, name), message: message, source: c.line}
	a.here = k.Namespaced && c.namespace == ""
	f.absences = append(f.absences, a)
}

// commandOfName reads a command out of a file's name, as
// kubectl_get_pods_-n_shop_-o_wide.txt.
func commandOfName(name string, names *resource.Names) command {
	base := name[strings.LastIndexByte(name, '/')+1:]
	for _, ext := range []string{".txt", ".log", ".out", ".describe"} {
		base = strings.TrimSuffix(base, ext)
	}
	base = strings.NewReplacer("_", " ", "+", " ", "%20", " ").Replace(base)
	if !strings.HasPrefix(base, "kubectl ") {
		return command{}
	}
	return parseCommand(base, names)
}
