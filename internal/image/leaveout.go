package image

import (
	"path"
	"slices"
	"strings"
)

// leaveOut says which paths of packages an image does without.
type leaveOut struct {
	docs     bool
	patterns []string
}

func (l leaveOut) match(name string) bool {
	if l.docs && isDocumentation(name) {
		return true
	}
	for ; name != "." && len(l.patterns) > 0; name = path.Dir(name) {
		if slices.ContainsFunc(l.patterns, func(p string) bool {
			ok, err := path.Match(p, name)
			return ok && err == nil
		}) {
			return true
		}
	}
	return false
}

func isDocumentation(name string) bool {
	for _, dir := range []string{"man", "info", "locale", "lintian", "linda", "doc-base", "bug", "help", "gtk-doc"} {
		if strings.HasPrefix(name, "usr/share/"+dir+"/") {
			return true
		}
	}
	// Licences must go where the program goes.
	return strings.HasPrefix(name, "usr/share/doc/") && path.Base(name) != "copyright"
}
