package describe

import (
	"strings"
)

// node is a line of describe's output with what stands indented below it.
type node struct {
	// text is the whole line without its indent; key and value are its parts
	// where it has the form "key: value".
	text, key, value string
	// more are the further lines of a value that has several, as Labels.
	more []string
	kids []*node
	// lines are the raw lines below the node.
	lines    []string
	from     int // where they begin
	indent   int
	valueCol int
}

// parseTree reads lines as a tree by their indent.
func parseTree(lines []string) *node {
	root := &node{indent: -1}
	stack := []*node{root}
	closeTo := func(n, at int) {
		for len(stack) > 1 && stack[len(stack)-1].indent >= n {
			top := stack[len(stack)-1]
			top.lines = lines[top.from:at]
			stack = stack[:len(stack)-1]
		}
	}
	for i := 0; i < len(lines); i++ {
		line := strings.TrimRight(lines[i], " \t\r")
		if line == "" {
			continue
		}
		indent := indentOf(line)
		top := stack[len(stack)-1]
		if top.valueCol > 0 && indent >= top.valueCol && indent > top.indent {
			top.more = append(top.more, line[top.valueCol:])
			continue
		}
		closeTo(indent, i)
		n := newNode(line, indent)
		top = stack[len(stack)-1]
		top.kids = append(top.kids, n)
		stack = append(stack, n)
		if n.key == "Message" {
			// A message may have line breaks of its own, which kubectl prints as
			// they are, without an indent.
			end := messageEnd(lines, i, indent)
			n.more = append(n.more, lines[i+1:end]...)
			i = end - 1
		}
		n.from = i + 1
	}
	closeTo(-1, len(lines))
	root.lines = lines
	return root
}

// messageEnd is the line after a message of several lines: the one that always
// follows it.
func messageEnd(lines []string, at, indent int) int {
	next := "IP:"
	if indent > 0 {
		next = strings.Repeat(" ", indent) + "Exit Code:"
	}
	if at+1 < len(lines) && indentOf(lines[at+1]) == indent && isKey(lines[at+1]) {
		return at + 1
	}
	for i := at + 1; i < len(lines) && i < at+500; i++ {
		if strings.HasPrefix(lines[i], next) {
			return i
		}
	}
	return at + 1
}

func isKey(line string) bool { return newNode(line, 0).key != "" }

func newNode(line string, indent int) *node {
	text := strings.TrimSpace(line)
	n := &node{text: text, indent: indent}
	k := strings.Index(text, ":")
	for k >= 0 && k+1 < len(text) && text[k+1] != ' ' && text[k+1] != '\t' {
		next := strings.Index(text[k+1:], ":")
		if next < 0 {
			return n
		}
		k += 1 + next
	}
	if k <= 0 {
		return n
	}
	n.key = text[:k]
	n.value = strings.TrimLeft(text[k+1:], " \t")
	if n.value != "" {
		n.valueCol = indent + len(text) - len(n.value)
	}
	return n
}

func indentOf(line string) int {
	n := 0
	for n < len(line) && line[n] == ' ' {
		n++
	}
	return n
}

// kid is the first node below with this key; an empty node if there is none.
func (n *node) kid(key string) *node {
	for _, k := range n.kids {
		if k.key == key {
			return k
		}
	}
	return &node{}
}

// has tells whether a node of this key stands below.
func (n *node) has(key string) bool {
	for _, k := range n.kids {
		if k.key == key {
			return true
		}
	}
	return false
}

// get is the value of the first node below with this key.
func (n *node) get(key string) string { return n.kid(key).value }

// all are the value's lines.
func (n *node) all() []string {
	if n.value == "" {
		return n.more
	}
	return append([]string{n.value}, n.more...)
}

// rest is the value with its further lines.
func (n *node) rest() string { return strings.Join(n.all(), "\n") }
