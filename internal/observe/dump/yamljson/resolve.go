package yamljson

import (
	"strings"

	"sigs.k8s.io/yaml"
)

// resolve writes a plain scalar as what it means: a number, true, false, null or,
// mostly, a string.
func (c *converter) resolve(text []byte) bool {
	switch {
	case isString(text):
		c.string(text)
		return true
	case isInteger(text):
		c.out = append(c.out, text...)
		return true
	}
	switch string(text) {
	case "true", "false", "null":
		c.out = append(c.out, text...)
		return true
	}
	// What remains are numbers of rarer forms, and what looks like one.
	json, err := yaml.YAMLToJSON(text)
	c.out = append(c.out, json...)
	return err == nil
}

// isString says whether a plain scalar is certainly a string.
func isString(text []byte) bool {
	switch b := text[0]; b {
	case '+', '-':
		// The sign of a number, or -c.
		return len(text) > 1 && (text[1] < '0' || text[1] > '9') && text[1] != '.'
	case '.':
		return len(text) == 1
	case '~', '<':
		return false
	case 'y', 'Y', 'n', 'N', 't', 'T', 'f', 'F', 'o', 'O':
		return len(text) > len("false") || !word(string(text))
	default:
		return b < '0' || b > '9' || !maybeNumber(text)
	}
}

// word are the words that YAML takes for something else than a string.
func word(s string) bool {
	switch strings.ToLower(s) {
	case "y", "n", "yes", "no", "on", "off", "true", "false", "null":
		return true
	}
	return false
}

// maybeNumber says whether what starts with a digit may be a number. A text with
// two dots, as an address, or with other letters, as 500m, is none; dates are
// strings to JSON.
func maybeNumber(text []byte) bool {
	if text[0] == '0' && len(text) > 1 && strings.IndexByte("xXoObB_", text[1]) >= 0 {
		return true
	}
	dots := 0
	for _, b := range text {
		switch {
		case b >= '0' && b <= '9', b == '_', b == 'e', b == 'E', b == '+', b == '-':
		case b == '.':
			dots++
		default:
			return false
		}
	}
	return dots < 2
}

// isInteger says whether a text is an integer as JSON writes it, too.
func isInteger(text []byte) bool {
	digits := text
	if digits[0] == '-' {
		digits = digits[1:]
	}
	if len(digits) == 0 || len(digits) > 18 || digits[0] == '0' && len(text) > 1 {
		return false
	}
	for _, b := range digits {
		if b < '0' || b > '9' {
			return false
		}
	}
	return true
}

// string writes a JSON string.
func (c *converter) string(text []byte) {
	c.out = append(c.out, '"')
	for _, b := range text {
		c.out = appendByte(c.out, b)
	}
	c.out = append(c.out, '"')
}

// appendByte adds a byte of a JSON string's text.
func appendByte(out []byte, b byte) []byte {
	const hex = "0123456789abcdef"
	switch {
	case b == '"' || b == '\\':
		return append(out, '\\', b)
	case b < ' ':
		return append(out, '\\', 'u', '0', '0', hex[b>>4], hex[b&15])
	}
	return append(out, b)
}
