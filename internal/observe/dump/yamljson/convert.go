package yamljson

import (
	"bytes"
	"unicode/utf8"
)

// Convert makes JSON of one YAML value. The value starts in the given column of the
// first line, what stands before is not looked at; all other lines are indented at
// least as far. It says false where the value has something that this package does
// not know.
func Convert(text []byte, column int) (json []byte, ok bool) {
	if len(text) <= column || text[len(text)-1] != '\n' || !plainText(text) {
		return nil, false
	}
	c := converter{src: text, pos: column, out: make([]byte, 0, len(text))}
	if column == 0 && !c.nextLine() {
		return nil, false
	}
	if column == 0 && c.column() != 0 {
		return nil, false
	}
	if !c.block(column) || c.nextLine() {
		return nil, false
	}
	return c.out, true
}

// plainText says whether a text has only characters that YAML takes as they are,
// and no tabs.
func plainText(text []byte) bool {
	for i := 0; i < len(text); {
		b := text[i]
		switch {
		case b >= ' ' && b < 0x7f, b == '\n':
			i++
		case b < utf8.RuneSelf:
			return false
		default:
			r, n := utf8.DecodeRune(text[i:])
			// 0x85, 0x2028 and 0x2029 end lines.
			if r == utf8.RuneError || r < 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff || r == 0xfffe || r == 0xffff {
				return false
			}
			i += n
		}
	}
	return true
}

// maxDepth bounds how deep values may lie in each other, maxKey how long a key may
// be: YAML's own limit is 1024 characters. maxUnsorted is how many keys may stand
// out of order in one mapping, where each is compared with all before it.
const (
	maxDepth    = 100
	maxKey      = 512
	maxUnsorted = 1000
)

// converter goes over the text once. Each method says false if it met something
// unknown; then nothing it wrote counts.
type converter struct {
	src   []byte
	pos   int
	out   []byte
	depth int
	// keys are the places in out of the keys of all mappings that are open.
	keys []span
	text []byte // a scalar of several lines, while it is read
}

type span struct{ from, to int }

// nextLine goes to the start of the next line that is not blank; false at the end.
// The position is at a line's start.
func (c *converter) nextLine() bool {
	for c.pos < len(c.src) {
		i := c.pos
		for c.src[i] == ' ' {
			i++
		}
		if c.src[i] != '\n' {
			return true
		}
		c.pos = i + 1
	}
	return false
}

// column is that of the first character of the line at the position.
func (c *converter) column() int {
	n := 0
	for c.src[c.pos+n] == ' ' {
		n++
	}
	return n
}

// restOfLine is what stands from the position to the line's end, without spaces
// at its end.
func (c *converter) restOfLine() []byte {
	end := c.pos + bytes.IndexByte(c.src[c.pos:], '\n')
	return bytes.TrimRight(c.src[c.pos:end], " ")
}

// endLine goes to the next line, if nothing follows in this one.
func (c *converter) endLine() bool {
	for c.src[c.pos] == ' ' {
		c.pos++
	}
	if c.src[c.pos] != '\n' {
		return false
	}
	c.pos++
	return true
}

// block reads a value that starts at the position, which is in the given column,
// and has the lines indented at least as far.
func (c *converter) block(column int) bool {
	if c.depth++; c.depth > maxDepth {
		return false
	}
	defer func() { c.depth-- }()
	if c.isDash() {
		return c.sequence(column)
	}
	return c.mapping(column)
}

// isDash says whether a sequence's item starts at the position.
func (c *converter) isDash() bool {
	return c.src[c.pos] == '-' && (c.src[c.pos+1] == ' ' || c.src[c.pos+1] == '\n')
}

// sequence reads items whose dashes stand in the given column, the first at the
// position.
func (c *converter) sequence(column int) bool {
	c.out = append(c.out, '[')
	for first := true; ; first = false {
		if !first {
			if !c.nextLine() || c.column() < column {
				break
			}
			if c.column() > column {
				return false
			}
			c.pos += column
			// A mapping may have a sequence at its own column: its next key ends it.
			if !c.isDash() {
				c.pos -= column
				break
			}
			c.out = append(c.out, ',')
		}
		inner := column + 1
		c.pos++
		for c.src[c.pos] == ' ' {
			c.pos++
			inner++
		}
		if !c.item(column, inner) {
			return false
		}
	}
	c.out = append(c.out, ']')
	return true
}

// item reads a sequence's item, which starts at the position, in column inner.
func (c *converter) item(column, inner int) bool {
	switch {
	case c.src[c.pos] == '\n':
		return false // an item that starts in the next line
	case c.isDash(), c.startsMapping():
		return c.block(inner)
	}
	return c.scalar(column)
}

// mapping reads keys that stand in the given column, the first at the position.
func (c *converter) mapping(column int) bool {
	base := len(c.keys)
	sorted := true
	c.out = append(c.out, '{')
	for first := true; ; first = false {
		if !first {
			if !c.nextLine() || c.column() < column {
				break
			}
			if c.column() > column {
				return false
			}
			c.pos += column
			c.out = append(c.out, ',')
		}
		from := len(c.out)
		if c.isDash() || !c.key() || !c.newKey(base, from, &sorted) {
			return false
		}
		c.out = append(c.out, ':')
		if !c.member(column) {
			return false
		}
	}
	c.keys = c.keys[:base]
	c.out = append(c.out, '}')
	return true
}

// newKey says whether the key that was written last is not among its mapping's
// other keys: which of two would count is not for this package.
func (c *converter) newKey(base, from int, sorted *bool) bool {
	key := c.out[from:]
	if string(key) == `"<<"` {
		return false // it merges
	}
	if n := len(c.keys); *sorted && n > base {
		last := c.keys[n-1]
		*sorted = bytes.Compare(c.out[last.from:last.to], key) < 0
	}
	if !*sorted {
		if len(c.keys)-base > maxUnsorted {
			return false
		}
		for _, k := range c.keys[base:] {
			if bytes.Equal(c.out[k.from:k.to], key) {
				return false
			}
		}
	}
	c.keys = append(c.keys, span{from, len(c.out)})
	return true
}

// member reads a key's value: in the same line, in the lines that follow, or none.
// The position is behind the colon.
func (c *converter) member(column int) bool {
	for c.src[c.pos] == ' ' {
		c.pos++
	}
	if c.src[c.pos] != '\n' {
		return c.scalar(column)
	}
	c.pos++
	if c.nextLine() {
		inner := c.column()
		c.pos += inner
		if inner > column || inner == column && c.isDash() {
			return c.block(inner)
		}
		c.pos -= inner
	}
	c.out = append(c.out, "null"...)
	return true
}
