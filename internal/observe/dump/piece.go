package dump

import (
	"bytes"
	"encoding/binary"
	"path"
	"strings"
	"time"
	"unicode/utf16"
)

// piece is one file, or one file of an archive, or one output of a terminal log.
type piece struct {
	// name is the file's path in what was read; hint for logs and namespaces.
	name string
	data []byte
	time time.Time
}

// text is the piece as text: without byte order mark, from UTF-16 where a shell
// of Windows wrote it, without a terminal's colours. It is false for binaries.
func (p *piece) text() bool {
	d := p.data
	switch {
	case bytes.HasPrefix(d, []byte{0xEF, 0xBB, 0xBF}):
		d = d[3:]
	case bytes.HasPrefix(d, []byte{0xFF, 0xFE}):
		d = fromUTF16(d[2:], binary.LittleEndian)
	case bytes.HasPrefix(d, []byte{0xFE, 0xFF}):
		d = fromUTF16(d[2:], binary.BigEndian)
	}
	if bytes.IndexByte(d[:min(len(d), 8000)], 0) >= 0 {
		return false
	}
	p.data = withoutEscapes(d)
	return true
}

func fromUTF16(d []byte, order binary.ByteOrder) []byte {
	u := make([]uint16, len(d)/2)
	for i := range u {
		u[i] = order.Uint16(d[2*i:])
	}
	return []byte(string(utf16.Decode(u)))
}

// withoutEscapes drops a terminal's control sequences.
func withoutEscapes(d []byte) []byte {
	if bytes.IndexByte(d, 0x1b) < 0 {
		return d
	}
	out := make([]byte, 0, len(d))
	for i := 0; i < len(d); i++ {
		if d[i] != 0x1b {
			out = append(out, d[i])
			continue
		}
		if i+1 < len(d) && d[i+1] == '[' {
			i += 2
			for i < len(d) && (d[i] < 0x40 || d[i] > 0x7e) {
				i++
			}
		}
	}
	return out
}

// hint is what a path tells of a log: namespace, pod and container.
type hint struct{ namespace, pod, container string }

// hintOf reads the paths of must-gather (namespaces/NS/pods/POD/CONTAINER/…),
// cluster-info dump (NS/POD/logs.txt), kubelets (NS_POD_UID/CONTAINER/0.log,
// POD_NS_CONTAINER-ID.log) and, else, the file's own name as pod or workload.
func hintOf(name string) hint {
	parts := strings.Split(path.Clean(strings.ReplaceAll(name, "\\", "/")), "/")
	file := parts[len(parts)-1]
	for i, p := range parts {
		if p == "namespaces" && i+1 < len(parts) {
			h := hint{namespace: parts[i+1]}
			for j := i + 2; j+1 < len(parts); j++ {
				if parts[j] == "pods" {
					h.pod = parts[j+1]
					if j+3 < len(parts) {
						h.container = parts[j+2]
					}
					break
				}
			}
			return h
		}
	}
	if len(parts) >= 3 && (file == "logs.txt" || strings.HasPrefix(file, "logs-")) {
		return hint{namespace: parts[len(parts)-3], pod: parts[len(parts)-2]}
	}
	if len(parts) >= 3 {
		if dir := strings.Split(parts[len(parts)-3], "_"); len(dir) == 3 {
			return hint{dir[0], dir[1], parts[len(parts)-2]}
		}
	}
	base := file
	for _, ext := range []string{".gz", ".log", ".txt", ".json", ".out"} {
		base = strings.TrimSuffix(base, ext)
	}
	base = withoutPrevious(base)
	if f := strings.Split(base, "_"); len(f) == 3 {
		container := f[2]
		if i := strings.LastIndexByte(container, '-'); i > 0 && len(container)-i == 65 {
			return hint{f[1], f[0], container[:i]}
		}
		return hint{f[0], f[1], container}
	}
	return hint{pod: base}
}

// withoutPrevious drops what says that a log is of the container before.
func withoutPrevious(name string) string {
	for _, sep := range []string{".", "-", "_", " --", " "} {
		if rest, ok := strings.CutSuffix(name, sep+"previous"); ok {
			return rest
		}
	}
	return strings.TrimSuffix(name, " (previous)")
}

// directoryNamespace is the directory that a list of `cluster-info dump` or
// must-gather lies in, which names the namespace of an empty list.
func directoryNamespace(name string) string {
	if h := hintOf(name); h.namespace != "" {
		return h.namespace
	}
	parts := strings.Split(path.Clean(name), "/")
	if len(parts) < 2 {
		return ""
	}
	return parts[len(parts)-2]
}
