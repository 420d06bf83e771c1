package dump

import (
	"bytes"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/parallel"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/yamljson"
)

// yamlPart is a document, or an item of a list cut out of one.
type yamlPart struct {
	text []byte
	line int
	// column is where an item's value starts, behind its dash.
	column int
}

// json converts what kubectl printed quickly, and all else by the library.
func (p yamlPart) json() ([]byte, error) {
	if out, ok := yamljson.Convert(p.text, p.column); ok {
		return out, nil
	}
	return yaml.YAMLToJSON(dedent(p.text, p.column))
}

// yaml reads YAML documents. A list is cut at its items, so that they are
// converted on all cores and a damaged one does not take the others with it.
func (r reader) yaml(f *find, data []byte, c command) {
	for _, doc := range documents(data) {
		head, items, ok := cutList(doc)
		if !ok {
			items = []yamlPart{doc}
		}
		converted := make([][]byte, len(items))
		errs := make([]error, len(items))
		parallel.Each(len(items), func(i int) { converted[i], errs[i] = items[i].json() })
		var good [][]byte
		for i, err := range errs {
			if err != nil {
				f.damaged(items[i].line+1, "reading YAML", err)
			} else if string(converted[i]) != "null" {
				good = append(good, converted[i])
			}
		}
		switch {
		case !ok && len(good) == 1:
			r.objects(f, good[0], c)
		case ok:
			r.yamlList(f, head, good, c)
		}
	}
}

// yamlList files the items of a list whose head says what they are.
func (r reader) yamlList(f *find, head yamlPart, items [][]byte, c command) {
	var h struct{ APIVersion, Kind string }
	if err := yaml.Unmarshal(head.text, &h); err != nil {
		f.damaged(head.line+1, "reading YAML", err)
	}
	kind := strings.TrimSuffix(h.Kind, "List")
	r.items(f, items, h.APIVersion, kind)
	r.listed(f, c, h.APIVersion, kind, items)
}

// documents parts a text at its lines of three dashes.
func documents(data []byte) []yamlPart {
	var out []yamlPart
	start, line, startLine := 0, 0, 0
	for at := 0; at < len(data); {
		end := bytes.IndexByte(data[at:], '\n')
		if end < 0 {
			end = len(data)
		} else {
			end += at + 1
		}
		if bytes.HasPrefix(data[at:end], []byte("---")) {
			if len(bytes.TrimSpace(data[start:at])) > 0 {
				out = append(out, yamlPart{text: data[start:at], line: startLine})
			}
			start, startLine = end, line+1
		}
		at = end
		line++
	}
	if len(bytes.TrimSpace(data[start:])) > 0 {
		out = append(out, yamlPart{text: data[start:], line: startLine})
	}
	return out
}

// cutList cuts a document that is a list, as kubectl prints it, at its items:
// each starts with a dash at the left or, with some tools, two columns in. The
// head is what stands around them.
func cutList(doc yamlPart) (head yamlPart, items []yamlPart, ok bool) {
	at := bytes.Index(doc.text, []byte("\nitems:\n"))
	switch {
	case bytes.HasPrefix(doc.text, []byte("items:\n")):
		at = 0
	case at >= 0:
		at++
	default:
		return head, nil, false
	}
	dash := []byte("- ")
	body := at + len("items:\n")
	if bytes.HasPrefix(doc.text[body:], []byte("  - ")) {
		dash = []byte("  - ")
	}
	line := doc.line + bytes.Count(doc.text[:body], []byte("\n"))
	start, startLine, pos := -1, 0, body
	cut := func() {
		if start >= 0 {
			items = append(items, yamlPart{doc.text[start:pos], startLine, len(dash)})
		}
	}
	for ; pos < len(doc.text); line++ {
		next := bytes.IndexByte(doc.text[pos:], '\n')
		if next < 0 {
			next = len(doc.text)
		} else {
			next += pos + 1
		}
		l := doc.text[pos:next]
		switch {
		case bytes.HasPrefix(l, dash):
			cut()
			start, startLine = pos, line
		case len(bytes.TrimSpace(l)) == 0 || bytes.HasPrefix(l, []byte("  ")):
			if start < 0 {
				return head, nil, false
			}
		default:
			// A key at the left ends the list.
			cut()
			head.text = append(append(head.text, doc.text[:at]...), doc.text[pos:]...)
			head.line = doc.line
			return head, items, true
		}
		pos = next
	}
	cut()
	return yamlPart{text: doc.text[:at], line: doc.line}, items, len(items) > 0
}

// dedent makes a document of an item.
func dedent(item []byte, by int) []byte {
	if by == 0 {
		return item
	}
	blank := bytes.Repeat([]byte(" "), by)
	out := make([]byte, 0, len(item))
	for j, l := range bytes.SplitAfter(item, []byte("\n")) {
		if j == 0 || bytes.HasPrefix(l, blank) {
			l = l[min(by, len(l)):]
		}
		out = append(out, l...)
	}
	return out
}
