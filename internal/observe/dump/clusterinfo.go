package dump

import (
	"bytes"
	"strings"
)

// clusterInfo reads what `kubectl cluster-info dump` writes to one stream: lists
// in JSON (or YAML) and, between two marks, the logs of containers.
func (r reader) clusterInfo(f *find, data []byte) {
	for len(data) > 0 {
		m := startMarker.FindSubmatchIndex(data)
		if m == nil {
			r.lists(f, data)
			return
		}
		r.lists(f, data[:m[0]])
		container, namespace, pod := string(data[m[2]:m[3]]), string(data[m[4]:m[5]]), string(data[m[6]:m[7]])
		body := data[m[1]:]
		end := "==== END logs for container " + container + " of pod " + namespace + "/" + pod + " ===="
		i := bytes.Index(body, []byte(end))
		rest := []byte(nil)
		if i < 0 {
			i = len(body)
		} else {
			rest = body[i+len(end):]
		}
		text := strings.TrimPrefix(string(body[:i]), "\n")
		if text = strings.TrimSuffix(text, "\n"); !strings.HasPrefix(text, "Request log error:") {
			f.addLog(logFind{hint: hint{namespace, pod, container}, kind: "Pod", lines: lines(text), source: f.piece, sure: true})
		}
		data = rest
	}
}

func (r reader) lists(f *find, data []byte) {
	data = bytes.TrimSpace(data)
	switch {
	case len(data) == 0:
	case data[0] == '{':
		r.objects(f, data, command{})
	default:
		r.yaml(f, data, command{})
	}
}
