package image

import (
	"bytes"
	"io"
	"path"
	"slices"
	"strings"
)

// usrMerged are the directories that are links into /usr on a merged system,
// which every Debian since 12 is. Packages may still ship files under the old
// names, so both have to meet in the new one.
var usrMerged = []string{"bin", "sbin", "lib", "lib64"}

// mergeUsr is where a file of a package ends up.
func mergeUsr(name string) string {
	first, _, _ := strings.Cut(name, "/")
	if slices.Contains(usrMerged, first) {
		return "usr/" + name
	}
	return name
}

// mergedLink keeps a link's meaning when the link itself moves one directory
// down: what it reached through .. is named from the root.
func mergedLink(name, target string) string {
	if mergeUsr(name) == name || !strings.HasPrefix(target, "../") {
		return target
	}
	return path.Join("/", path.Dir(name), target)
}

// throughUsrMerge moves what was placed under /bin and its like to where those
// links lead, so that a layer over packages does not replace the links.
func (t tree) throughUsrMerge() tree {
	moved := make(tree, len(t))
	for name, e := range t {
		if slices.Contains(usrMerged, name) {
			continue
		}
		if e.link != "" {
			e.link = mergedLink(name, e.link)
		}
		moved[mergeUsr(name)] = e
	}
	return moved
}

// concat joins the content of files in order of their names.
func (t tree) concat(names []string) ([]byte, error) {
	slices.Sort(names)
	var all bytes.Buffer
	for _, name := range names {
		r, err := t[name].body.open()
		if err != nil {
			return nil, err
		}
		_, err = io.Copy(&all, r)
		r.Close()
		if err != nil {
			return nil, err
		}
		if b := all.Bytes(); len(b) > 0 && b[len(b)-1] != '\n' {
			all.WriteByte('\n')
		}
	}
	return all.Bytes(), nil
}
