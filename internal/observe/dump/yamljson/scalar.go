package yamljson

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// startsMapping says whether a key starts at the position: a plain or quoted text
// with a colon behind it.
func (c *converter) startsMapping() bool {
	switch c.src[c.pos] {
	case '"', '\'':
		at, out := c.pos, len(c.out)
		ok := c.key()
		c.pos, c.out = at, c.out[:out]
		return ok
	}
	line := c.restOfLine()
	return plainStart(line) && keyEnd(line) >= 0
}

// keyEnd is where the colon stands that ends a plain key; -1 if there is none.
func keyEnd(line []byte) int {
	for from := 0; ; {
		i := bytes.IndexByte(line[from:], ':')
		if i < 0 {
			return -1
		}
		if from += i; from+1 == len(line) || line[from+1] == ' ' {
			return from
		}
		from++
	}
}

// key writes the key at the position and goes behind its colon.
func (c *converter) key() bool {
	start := c.pos
	switch c.src[c.pos] {
	case '"', '\'':
		if !c.quoted(-1) || c.src[c.pos] != ':' || c.src[c.pos+1] != ' ' && c.src[c.pos+1] != '\n' {
			return false
		}
	default:
		line := c.restOfLine()
		end := keyEnd(line)
		if end < 0 || !plainStart(line) {
			return false
		}
		text := bytes.TrimRight(line[:end], " ")
		if bytes.Contains(text, []byte(" #")) || !isString(text) {
			return false
		}
		c.string(text)
		c.pos += end
	}
	c.pos++
	return c.pos-start <= maxKey
}

// scalar writes the scalar at the position, with its further lines: all that are
// indented deeper than the given column.
func (c *converter) scalar(column int) bool {
	switch c.src[c.pos] {
	case '"', '\'':
		return c.quoted(column) && c.endLine()
	case '|':
		return c.literal(column)
	case '{', '[':
		rest := c.restOfLine()
		if string(rest) != "{}" && string(rest) != "[]" {
			return false
		}
		c.out = append(c.out, rest...)
		c.pos += len(rest)
		return c.endLine()
	}
	return c.plain(column)
}

// plainStart says whether a text may start a plain scalar.
func plainStart(text []byte) bool {
	if len(text) == 0 {
		return false
	}
	switch text[0] {
	case '#', '&', '*', '!', '|', '>', '%', '@', '`', '{', '}', '[', ']', ',', '"', '\'':
		return false
	case '-', '?', ':':
		return len(text) > 1 && text[1] != ' '
	}
	return true
}

// plain writes a plain scalar.
func (c *converter) plain(column int) bool {
	text := c.restOfLine()
	if !plainStart(text) || !plainLine(text) {
		return false
	}
	c.pos += len(text)
	if !c.endLine() {
		return false
	}
	if c.pos == len(c.src) || c.column() <= column {
		return c.resolve(text)
	}
	// It goes on in the next lines, each of which stands for a space.
	c.text = append(c.text[:0], text...)
	for c.pos < len(c.src) {
		n := c.column()
		if c.src[c.pos+n] == '\n' {
			// Blank lines between two lines of a scalar are line breaks: rare.
			if c.nextLine() && c.column() > column {
				return false
			}
			break
		}
		if n <= column {
			break
		}
		c.pos += n
		line := c.restOfLine()
		if line[0] == '#' || !plainLine(line) {
			return false
		}
		c.text = append(append(c.text, ' '), line...)
		c.pos += len(line)
		if !c.endLine() {
			return false
		}
	}
	return c.resolve(c.text)
}

// plainLine says whether a line of a plain scalar has neither a comment nor what
// would make it a key.
func plainLine(line []byte) bool {
	return keyEnd(line) < 0 && !bytes.Contains(line, []byte(" #"))
}

// quoted writes a quoted scalar and goes behind its closing quote. It may go on in
// lines that are indented deeper than the given column; in none if that is -1.
func (c *converter) quoted(column int) bool {
	quote := c.src[c.pos]
	c.pos++
	c.out = append(c.out, '"')
	for {
		switch b := c.src[c.pos]; {
		case b == '\n':
			if column < 0 || !c.fold(column) {
				return false
			}
			c.out = append(c.out, ' ')
		case b == quote && quote == '\'' && c.src[c.pos+1] == '\'':
			c.out = append(c.out, '\'')
			c.pos += 2
		case b == quote:
			c.pos++
			c.out = append(c.out, '"')
			return true
		case b == '\\' && quote == '"' && c.src[c.pos+1] == '\n':
			// The break is not part of the text.
			c.pos++
			if column < 0 || !c.fold(column) {
				return false
			}
		case b == '\\' && quote == '"':
			if !c.escape() {
				return false
			}
		default:
			c.out = appendByte(c.out, b)
			c.pos++
		}
	}
}

// fold goes over a line break within quotes to the first character of the next
// line. Spaces before the break, or blank lines, mean more: rare.
func (c *converter) fold(column int) bool {
	if c.src[c.pos-1] == ' ' {
		return false
	}
	c.pos++
	if c.pos == len(c.src) {
		return false
	}
	n := c.column()
	if n <= column || c.src[c.pos+n] == '\n' {
		return false
	}
	c.pos += n
	return true
}

// escape writes what an escape stands for.
func (c *converter) escape() bool {
	digits := 0
	var r rune
	switch c.src[c.pos+1] {
	case '0':
		r = 0
	case 'a':
		r = '\a'
	case 'b':
		r = '\b'
	case 't':
		r = '\t'
	case 'n':
		r = '\n'
	case 'v':
		r = '\v'
	case 'f':
		r = '\f'
	case 'r':
		r = '\r'
	case 'e':
		r = 0x1b
	case ' ', '"', '\\':
		r = rune(c.src[c.pos+1])
	case 'N':
		r = 0x85
	case '_':
		r = 0xa0
	case 'L':
		r = 0x2028
	case 'P':
		r = 0x2029
	case 'x':
		digits = 2
	case 'u':
		digits = 4
	case 'U':
		digits = 8
	default:
		return false
	}
	c.pos += 2
	if digits > 0 {
		n, err := strconv.ParseUint(string(c.src[c.pos:min(len(c.src), c.pos+digits)]), 16, 32)
		if err != nil || !utf8.ValidRune(rune(n)) {
			return false
		}
		r = rune(n)
		c.pos += digits
	}
	if r < utf8.RuneSelf {
		c.out = appendByte(c.out, byte(r))
	} else {
		c.out = utf8.AppendRune(c.out, r)
	}
	return true
}

// literal writes a block scalar whose line breaks count.
func (c *converter) literal(column int) bool {
	header := c.restOfLine()[1:]
	c.pos += 1 + len(header)
	indent, chomp := 0, byte(0)
	for _, b := range header {
		switch {
		case (b == '-' || b == '+') && chomp == 0:
			chomp = b
		case b >= '1' && b <= '9' && indent == 0:
			indent = column + int(b-'0')
		default:
			return false
		}
	}
	if !c.endLine() || c.pos == len(c.src) {
		return false
	}
	if indent == 0 {
		if indent = c.column(); indent <= column || c.src[c.pos+indent] == '\n' {
			return false
		}
	}
	return c.lines(indent, chomp)
}

// lines writes the lines of a literal, which are indented at least so far.
func (c *converter) lines(indent int, chomp byte) bool {
	c.out = append(c.out, '"')
	const br = `\n`
	some, breaks := false, 0 // breaks since the last line that was not blank
	for c.pos < len(c.src) {
		n := c.column()
		if blank := c.src[c.pos+n] == '\n'; blank && n <= indent {
			c.pos += n + 1
			breaks++
			continue
		}
		if n < indent {
			break
		}
		for ; breaks > 0; breaks-- {
			c.out = append(c.out, br...)
		}
		some = true
		c.pos += indent
		for c.src[c.pos] != '\n' {
			c.out = appendByte(c.out, c.src[c.pos])
			c.pos++
		}
		c.pos++
		breaks = 1
	}
	switch {
	case chomp == '-':
	case chomp == '+':
		for ; breaks > 0; breaks-- {
			c.out = append(c.out, br...)
		}
	case some:
		c.out = append(c.out, br...)
	}
	c.out = append(c.out, '"')
	return true
}
