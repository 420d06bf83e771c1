package dump

import (
	"bytes"
	"strings"

	"github.com/bulkhead-k8s/bulkhead/internal/lazyregexp"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/describe"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/table"
)

// recognise tells what a text is by its content.
func recognise(data []byte) Form {
	trimmed := bytes.TrimLeft(data, " \t\r\n")
	if len(trimmed) == 0 {
		return FormEmpty
	}
	if bytes.HasPrefix(trimmed, []byte("==== START logs for ")) || bytes.Contains(trimmed, []byte("\n==== START logs for container ")) {
		return FormClusterInfo
	}
	if trimmed[0] == '{' && isRecords(trimmed) {
		return FormRecords
	}
	if trimmed[0] == '{' || trimmed[0] == '[' {
		if f := recogniseJSON(trimmed); f != FormUnknown {
			return f
		}
	}
	start := string(trimmed[:min(len(trimmed), 1<<16)])
	switch {
	case isYAML(start):
		return FormYAML
	case hasPrompt(start):
		return FormTerminal
	case isPrinted(start):
		return FormTables
	}
	// A prompt may come late, after a long output.
	if len(trimmed) > len(start) && bytes.Contains(trimmed, []byte("kubectl ")) && hasPrompt(string(trimmed)) {
		return FormTerminal
	}
	return FormLogs
}

var (
	startMarker = lazyregexp.New(`(?m)^==== START logs for container (\S+) of pod (\S+?)/(\S+) ====`)
	yamlKey     = lazyregexp.New(`(?m)^(?:- )?(?:apiVersion|kind): \S`)
	yamlOther   = lazyregexp.New(`(?m)^(?:- |  )?(?:kind|metadata|items|apiVersion):`)
)

// isYAML wants a document that starts with an object: after comments and
// warnings, nothing but keys.
func isYAML(s string) bool {
	for len(s) > 0 {
		line, rest, _ := strings.Cut(s, "\n")
		t := strings.TrimSpace(line)
		if t == "" || t == "---" || strings.HasPrefix(t, "#") || noise(t) || t == "items:" || t == "metadata:" {
			s = rest
			continue
		}
		return yamlKey.MatchString(line) && len(yamlOther.FindAllString(s, 3)) > 1
	}
	return false
}

// isPrinted tells tables, descriptions and kubectl's answers.
func isPrinted(s string) bool {
	for i := 0; len(s) > 0 && i < 30; i++ {
		line, rest, _ := strings.Cut(s, "\n")
		line = strings.TrimRight(line, " \t\r")
		switch {
		case line == "", noise(line), isCommandLine(line):
		case table.Is(line), describe.Is(s), answered(line):
			return true
		default:
			return false
		}
		s = rest
	}
	return false
}

// answered tells kubectl's own sentences.
func answered(line string) bool {
	return strings.HasPrefix(line, "No resources found") || strings.HasPrefix(line, "Error from server") ||
		strings.HasPrefix(line, "error: the server doesn't have a resource type")
}

// klog is how kubectl and the servers start a line of log: E1124 10:02:03.
var klog = lazyregexp.New(`^[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+\s`)

// noise are lines that kubectl writes beside its output.
func noise(line string) bool {
	return strings.HasPrefix(line, "Warning: ") || klog.MatchString(line)
}

// recogniseJSON looks at the first keys.
func recogniseJSON(data []byte) Form {
	if data[0] == '[' {
		return recogniseArray(data)
	}
	form := FormUnknown
	s := scanner{data: data}
	keys := 0
	logs, apiVersion := true, ""
	err := s.object(func(key string) (bool, error) {
		keys++
		v, err := s.value()
		if err != nil {
			// What is cut off in its first value is still an object.
			if key == "items" && apiVersion != "" || form == FormObjects {
				form = FormObjects
			}
			return false, err
		}
		switch {
		case key == "apiVersion":
			apiVersion = unquote(v)
			form = FormObjects
		case key == "kind" && apiVersion == "":
			form = FormObjects
		case key == "alerts", key == "data" && bytes.Contains(v[:min(len(v), 200)], []byte(`"alerts"`)):
			form = FormAlerts
			return false, nil
		case isCommandLine(key) && v[0] == '"':
			form = FormCommands
			return false, nil
		}
		if v[0] != '"' && v[0] != '[' || strings.ContainsAny(key, " ") {
			logs = false
		}
		return keys < 12, nil
	})
	if strings.HasPrefix(apiVersion, "audit.k8s.io/") {
		return FormAudit
	}
	if form == FormUnknown && err == nil && logs && keys > 0 && isLogMap(data) {
		return FormLogs
	}
	if form == FormObjects && apiVersion == "" && !bytes.Contains(data[:min(len(data), 4096)], []byte(`"metadata"`)) {
		return FormUnknown
	}
	return form
}

// isLogMap tells {"web": ["line", …]} from one line of a log in JSON.
func isLogMap(data []byte) bool {
	s := scanner{data: data}
	if _, err := s.value(); err != nil {
		return false
	}
	s.space()
	return s.pos == len(data)
}

func recogniseArray(data []byte) Form {
	form := FormUnknown
	s := scanner{data: data}
	empty := true
	_ = s.array(func(v []byte) bool {
		empty = false
		switch {
		case v[0] == '"':
			form = FormLogs
		case v[0] != '{':
		case has(v, "labels") && (has(v, "startsAt") || has(v, "activeAt") || has(v, "annotations")):
			form = FormAlerts
		case has(v, "apiVersion") && has(v, "kind"):
			form = FormObjects
		case has(v, "command") && has(v, "output"):
			form = FormCommands
		}
		return false
	})
	if empty && s.pos == len(bytes.TrimRight(data, " \t\r\n")) {
		return FormEmpty
	}
	return form
}

func has(object []byte, key string) bool {
	found := false
	s := scanner{data: object}
	_ = s.object(func(k string) (bool, error) {
		found = found || k == key
		return !found, nil
	})
	return found
}
