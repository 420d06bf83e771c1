// Package lazyregexp compiles regular expressions at their first use. The CLI links
// a hundred of them, and most of its commands need none: compiled at the start, they
// took some 12 ms of it (GODEBUG=inittrace=1).
//
// In tests New compiles at once, so that an expression with a mistake is found.
package lazyregexp

import (
	"os"
	"regexp"
	"strings"
	"sync"
)

// Regexp is a regular expression (package regexp) that is compiled when one of its
// methods is called. They are those of regexp.Regexp that are used here, and as safe for goroutines.
type Regexp struct {
	text    string
	compile func() *regexp.Regexp
}

// New is regexp.MustCompile, later.
func New(text string) *Regexp {
	r := &Regexp{text: text, compile: sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })}
	if len(os.Args) > 0 && strings.HasSuffix(os.Args[0], ".test") {
		r.compile()
	}
	return r
}

func (r *Regexp) String() string { return r.text }

func (r *Regexp) MatchString(s string) bool            { return r.compile().MatchString(s) }
func (r *Regexp) FindString(s string) string           { return r.compile().FindString(s) }
func (r *Regexp) FindStringSubmatch(s string) []string { return r.compile().FindStringSubmatch(s) }
func (r *Regexp) FindSubmatchIndex(b []byte) []int     { return r.compile().FindSubmatchIndex(b) }
func (r *Regexp) ReplaceAllString(s, by string) string { return r.compile().ReplaceAllString(s, by) }

func (r *Regexp) FindAllString(s string, n int) []string {
	return r.compile().FindAllString(s, n)
}

func (r *Regexp) FindAllStringSubmatch(s string, n int) [][]string {
	return r.compile().FindAllStringSubmatch(s, n)
}
