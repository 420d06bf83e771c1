package dump

import (
	"bytes"
	"encoding/json"
	"path"
	"strings"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/lazyregexp"
)

func lines(text string) []string {
	text = strings.TrimRight(text, "\r\n")
	if text == "" {
		return nil
	}
	out := strings.Split(text, "\n")
	for i, l := range out {
		out[i] = strings.TrimSuffix(l, "\r")
	}
	return out
}

// logs reads a text that is nothing else, or a JSON object of names to lines.
func (r reader) logs(f *find, p piece) {
	trimmed := bytes.TrimLeft(p.data, " \t\r\n")
	if len(trimmed) > 0 && trimmed[0] == '{' && isLogMap(trimmed) && r.logMap(f, trimmed) {
		return
	}
	if len(trimmed) > 0 && trimmed[0] == '[' {
		var list []string
		if json.Unmarshal(trimmed, &list) == nil {
			f.addLog(logFind{hint: hintOf(p.name), lines: list, source: p.name, sure: true, previous: isPrevious(p.name)})
			return
		}
	}
	text := string(p.data)
	l := logFind{hint: hintOf(p.name), lines: criLines(lines(text)), source: p.name, previous: isPrevious(p.name)}
	c := parseCommand(path.Base(p.name), r.names)
	l.component = componentOf(c, text)
	l.sure = l.component != "" || looksLikeLog(l.lines)
	f.addLog(l)
}

func isPrevious(name string) bool {
	return strings.Contains(strings.ToLower(path.Base(name)), "previous")
}

// logMap reads {"web": ["line", …], "web-1": "text"}.
func (r reader) logMap(f *find, data []byte) bool {
	s := scanner{data: data}
	good := true
	var found []logFind
	err := s.object(func(key string) (bool, error) {
		v, err := s.value()
		if err != nil {
			return false, err
		}
		l := logFind{source: f.piece, sure: true}
		switch v[0] {
		case '"':
			l.lines = lines(unquote(v))
		case '[':
			if json.Unmarshal(v, &l.lines) != nil {
				good = false
			}
		default:
			good = false
		}
		l.hint, l.kind, l.previous = logName(key)
		found = append(found, l)
		return good, nil
	})
	// Two members like "level" and "msg" are one line of a log, not two logs.
	if err != nil || !good || looksLikeRecord(found) {
		return false
	}
	for _, l := range found {
		f.addLog(l)
	}
	return true
}

// looksLikeRecord tells a line of a structured log.
func looksLikeRecord(found []logFind) bool {
	for _, l := range found {
		switch l.pod {
		case "level", "severity", "msg", "message", "time", "timestamp", "ts", "@timestamp", "log":
			return true
		}
	}
	return false
}

// logName reads web, web.previous, shop/web, deployment/web, web-1/server.
func logName(key string) (h hint, kind string, previous bool) {
	if rest := withoutPrevious(key); rest != key {
		key, previous = rest, true
	}
	parts := strings.Split(key, "/")
	switch len(parts) {
	case 2:
		return hint{namespace: parts[0], pod: parts[1]}, parts[0], previous
	case 3:
		return hint{parts[0], parts[1], parts[2]}, "", previous
	}
	return hint{pod: key}, "", previous
}

// commandLog reads the output of kubectl logs.
func (r reader) commandLog(f *find, c command, out string) {
	l := logFind{lines: lines(out), source: c.line, sure: true, previous: c.previous}
	l.namespace, l.container = c.namespace, c.container
	if len(c.names) > 0 {
		l.pod = c.names[0]
	}
	if len(c.kinds) > 0 {
		l.kind = c.kinds[0].Kind
	}
	if l.pod == "" {
		if _, v, ok := strings.Cut(c.selector, "="); ok {
			l.pod = v
		}
	}
	f.addLog(l)
}

// addLog keeps a log, unless it is kubectl's answer that there is none.
func (f *find) addLog(l logFind) {
	if len(l.lines) == 0 {
		return
	}
	if len(l.lines) <= 3 {
		for _, line := range l.lines {
			if strings.Contains(line, "Error from server (") && !strings.Contains(line, `"`+"level") {
				f.refused++
				return
			}
		}
	}
	f.see(newestLine(l.lines))
	f.logs = append(f.logs, l)
}

// cri is the form in which a container runtime keeps logs on a node.
var cri = lazyregexp.New(`^(\d{4}-\d\d-\d\dT\S+) (?:stdout|stderr) ([FP]) `)

// criLines drops the stream from lines of a runtime's file and joins parts.
func criLines(in []string) []string {
	if len(in) == 0 || !cri.MatchString(in[0]) {
		return in
	}
	var out []string
	partial := false
	for _, l := range in {
		m := cri.FindStringSubmatch(l)
		switch {
		case m == nil:
			out = append(out, l)
			continue
		case partial:
			out[len(out)-1] += l[len(m[0]):]
		default:
			out = append(out, m[1]+" "+l[len(m[0]):])
		}
		partial = m[2] == "P"
	}
	return out
}

var logStart = lazyregexp.New(`^[\[{("]*(?:\d{4}[-/]\d\d[-/]\d\d|[IWEF]\d{4} \d\d:|\w{3} +\d+ \d\d:\d\d:\d\d|\d\d:\d\d:\d\d|\[ *\d+\.\d+\]|time=|level=|ts=|(?i:trace|debug|info|warn|warning|error|fatal|panic)\b)|"(?:level|severity|time|timestamp|msg|message)":|^\d+\.\d+\.\d+\.\d+ - `)

// looksLikeLog wants times or levels in a good part of the lines.
func looksLikeLog(in []string) bool {
	hits, looked := 0, 0
	for _, l := range in[:min(len(in), 200)] {
		if strings.TrimSpace(l) == "" {
			continue
		}
		looked++
		if logStart.MatchString(l[:min(len(l), 500)]) {
			hits++
		}
	}
	return looked > 0 && hits*5 >= looked
}

var (
	journal = lazyregexp.New(`(?m)^\w{3} +\d+ \d\d:\d\d:\d\d \S+ (kubelet|containerd|crio|dockerd|systemd|kernel|etcd|k3s)(?:\[\d+\])?: `)
	unit    = lazyregexp.New(`(?m)^[●×○] (\S+)\.service`)
	dmesg   = lazyregexp.New(`(?m)^\[ *\d+\.\d+\] `)
)

// componentOf names the part of a node that a text is from.
func componentOf(c command, text string) string {
	head := text[:min(len(text), 1<<14)]
	if m := unit.FindStringSubmatch(head); m != nil {
		return m[1]
	}
	if c.program == "dmesg" || dmesg.MatchString(head) && c.program == "" {
		return "kernel"
	}
	if m := journal.FindStringSubmatch(head); m != nil {
		return m[1]
	}
	if c.program == "journalctl" || c.program == "systemctl" {
		words := shellWords(c.line)
		return strings.TrimSuffix(words[len(words)-1], ".service")
	}
	return ""
}

// newestLine is the newest time at the start of one of the last lines.
func newestLine(in []string) time.Time {
	var newest time.Time
	for _, l := range in[max(0, len(in)-50):] {
		if t, ok := lineTime(l); ok && t.After(newest) {
			newest = t
		}
	}
	return newest
}
