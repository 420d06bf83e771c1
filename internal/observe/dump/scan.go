package dump

import (
	"bytes"
	"errors"
	"fmt"
)

// errDamaged indicates that JSON ends early or is not JSON from some point on.
var errDamaged = errors.New("damaged JSON")

// scanner walks over JSON without decoding it: whole lists of objects are cut
// into their items at about the speed of memory, and each item is decoded once,
// by whoever needs it. It checks the structure, not the values.
type scanner struct {
	data []byte
	pos  int
}

func (s *scanner) fail(what string) error {
	line := 1 + bytes.Count(s.data[:min(s.pos, len(s.data))], []byte("\n"))
	return fmt.Errorf("%w: line %d: %s", errDamaged, line, what)
}

func (s *scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// str passes a string; the position is at its opening quote.
func (s *scanner) str() ([]byte, error) {
	start := s.pos
	for i := s.pos + 1; i < len(s.data); {
		q := bytes.IndexByte(s.data[i:], '"')
		if q < 0 {
			break
		}
		// A quote ends the string unless an odd number of backslashes is before it.
		end, back := i+q, 0
		for end-1-back > start && s.data[end-1-back] == '\\' {
			back++
		}
		i = end + 1
		if back%2 == 0 {
			s.pos = i
			return s.data[start:i], nil
		}
	}
	s.pos = len(s.data)
	return nil, s.fail("a string does not end")
}

// value passes a value and gives its bytes.
func (s *scanner) value() ([]byte, error) {
	s.space()
	if s.pos >= len(s.data) {
		return nil, s.fail("a value is missing")
	}
	start := s.pos
	switch s.data[s.pos] {
	case '"':
		return s.str()
	case '{', '[':
		return s.nested()
	}
	for s.pos < len(s.data) && literal(s.data[s.pos]) {
		s.pos++
	}
	if s.pos == start {
		return nil, s.fail("not a value")
	}
	return s.data[start:s.pos], nil
}

func literal(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b == 'E' || b == '-' || b == '+' || b == '.'
}

// structural are the bytes that nested looks at.
var structural = [256]bool{'"': true, '{': true, '}': true, '[': true, ']': true}

func (s *scanner) nested() ([]byte, error) {
	start := s.pos
	var stack [64]byte
	open := stack[:0]
	d := s.data
	for s.pos < len(d) {
		b := d[s.pos]
		if !structural[b] {
			s.pos++
			continue
		}
		switch b {
		case '"':
			if _, err := s.str(); err != nil {
				return nil, err
			}
			continue
		case '{', '[':
			open = append(open, b+2) // '{'+2 is '}', '['+2 is ']'
		default:
			if open[len(open)-1] != b {
				return nil, s.fail("brackets do not match")
			}
			open = open[:len(open)-1]
		}
		s.pos++
		if len(open) == 0 {
			return d[start:s.pos], nil
		}
	}
	return nil, s.fail("an object or array does not end")
}

// object calls f for each member of the object at the position, in order, until
// f returns false. The value is not yet passed: f may call s.value, or leave it.
func (s *scanner) object(f func(key string) (more bool, err error)) error {
	s.space()
	if s.pos >= len(s.data) || s.data[s.pos] != '{' {
		return s.fail("not an object")
	}
	s.pos++
	for first := true; ; first = false {
		s.space()
		if s.pos >= len(s.data) {
			return s.fail("an object does not end")
		}
		switch {
		case s.data[s.pos] == '}':
			s.pos++
			return nil
		case s.data[s.pos] == ',' && !first:
			s.pos++
			s.space()
		}
		if s.pos >= len(s.data) || s.data[s.pos] != '"' {
			return s.fail("a key is missing")
		}
		key, err := s.str()
		if err != nil {
			return err
		}
		s.space()
		if s.pos >= len(s.data) || s.data[s.pos] != ':' {
			return s.fail("a colon is missing")
		}
		s.pos++
		s.space()
		before := s.pos
		more, err := f(unquote(key))
		if err != nil || !more {
			return err
		}
		if s.pos == before {
			if _, err := s.value(); err != nil {
				return err
			}
		}
	}
}

// array calls f with each element of the array at the position.
func (s *scanner) array(f func(value []byte) (more bool)) error {
	s.space()
	if s.pos >= len(s.data) || s.data[s.pos] != '[' {
		return s.fail("not an array")
	}
	s.pos++
	for first := true; ; first = false {
		s.space()
		if s.pos >= len(s.data) {
			return s.fail("an array does not end")
		}
		if s.data[s.pos] == ']' {
			s.pos++
			return nil
		}
		if !first {
			if s.data[s.pos] != ',' {
				return s.fail("a comma is missing")
			}
			s.pos++
		}
		v, err := s.value()
		if err != nil {
			return err
		}
		if !f(v) {
			return nil
		}
	}
}
