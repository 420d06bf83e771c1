package view

import (
	"strings"
	"unicode/utf8"
)

// Columns are those of a table whose cells are padded with spaces.
type Columns struct {
	names  []string
	starts []int
}

// ParseColumns reads a table's header. Names may have single spaces in them, as
// in LAST SEEN; at least two spaces, or a tab, part two columns.
func ParseColumns(header string) Columns {
	var c Columns
	header = strings.TrimRight(header, " \t\r")
	for i := 0; i < len(header); {
		if header[i] == ' ' || header[i] == '\t' {
			i++
			continue
		}
		j := i
		for j < len(header) && header[j] != '\t' && (header[j] != ' ' || j+1 == len(header) || header[j+1] != ' ') {
			j++
		}
		c.names = append(c.names, header[i:j])
		c.starts = append(c.starts, utf8.RuneCountInString(header[:i]))
		i = j
	}
	return c
}

// Names are the columns' names, in order.
func (c Columns) Names() []string { return c.names }

// Has tells whether there are columns of all these names.
func (c Columns) Has(names ...string) bool {
	for _, n := range names {
		if c.index(n) < 0 {
			return false
		}
	}
	return true
}

func (c Columns) index(name string) int {
	for i, n := range c.names {
		if n == name {
			return i
		}
	}
	return -1
}

// Row is a line's cells.
type Row struct {
	columns Columns
	cells   []string
}

// Get is the cell of a column without kubectl's words for no value.
func (r Row) Get(name string) string { return Value(r.Raw(name)) }

// Raw is the cell as printed; empty if there is no such column.
func (r Row) Raw(name string) string {
	if i := r.columns.index(name); i >= 0 && i < len(r.cells) {
		return r.cells[i]
	}
	return ""
}

// Cut splits a line at the header's columns. A line that does not stand under
// the header, as when spaces were lost on the way, is split at its own spaces;
// ok is false if that does not give as many cells.
func (c Columns) Cut(line string) (row Row, ok bool) {
	line = strings.TrimRight(line, " \t\r\n")
	if cells, ok := c.byPosition(line); ok {
		return Row{c, cells}, true
	}
	if cells := splitWide(line); len(cells) == len(c.names) {
		return Row{c, cells}, true
	}
	fields := strings.Fields(line)
	if n := len(c.names); len(fields) == n || len(fields) > n && c.freeText() {
		cells := append([]string(nil), fields[:n-1]...)
		return Row{c, append(cells, strings.Join(fields[n-1:], " "))}, true
	}
	return Row{}, false
}

// freeText tells tables whose last column holds sentences.
func (c Columns) freeText() bool {
	last := strings.ToUpper(c.names[len(c.names)-1])
	return len(c.names) > 1 && last == "MESSAGE"
}

func (c Columns) byPosition(line string) ([]string, bool) {
	cells := make([]string, len(c.starts))
	ascii := isASCII(line)
	at := 0
	for i := range c.starts {
		if i > 0 {
			at = byteOf(line, c.starts[i], ascii)
		}
		end := len(line)
		if i+1 < len(c.starts) {
			end = byteOf(line, c.starts[i+1], ascii)
		}
		// What stands across a column's edge does not stand under the header.
		if end < len(line) && end > 0 && line[end-1] != ' ' && line[end-1] != '\t' {
			return nil, false
		}
		if at < end {
			cells[i] = strings.TrimSpace(line[at:end])
		}
	}
	return cells, true
}

// byteOf is the offset of the rune at a column.
func byteOf(line string, column int, ascii bool) int {
	if ascii {
		return min(column, len(line))
	}
	n := 0
	for i := range line {
		if n == column {
			return i
		}
		n++
	}
	return len(line)
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func splitWide(line string) []string {
	var cells []string
	for _, p := range strings.Split(strings.ReplaceAll(line, "\t", "  "), "  ") {
		if p = strings.TrimSpace(p); p != "" {
			cells = append(cells, p)
		}
	}
	return cells
}
