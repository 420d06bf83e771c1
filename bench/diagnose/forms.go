package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"
	"sigs.k8s.io/yaml"
)

// form is one of the forms in which people send a cluster.
type form struct {
	name string
	// write writes about so many bytes below dir.
	write func(dir string, size int64, now time.Time) error
	// tells says that the form has what the cause is known by: tables show no exit
	// codes.
	tells bool
}

var forms = []form{
	{"json", writeJSON, true},
	{"yaml", writeYAML, true},
	{"describe", writeDescriptions, true},
	{"tables", writeTables, false},
	{"logs", writeLogs, true},
}

// file writes until it is large enough: more is called for one app after the
// other.
func file(path string, size int64, head, tail string, more func(w *bufio.Writer, n int) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	w.WriteString(head) //nolint:errcheck // Flush tells it
	for n := 0; ; n++ {
		if err := more(w, n); err != nil {
			return err
		}
		if at, err := f.Seek(0, 1); err != nil || at >= size {
			break
		}
	}
	w.WriteString(tail) //nolint:errcheck // Flush tells it
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

const began = -30 * time.Hour // before the dump

// objectsOf are those of the n-th app, with an Event a pod.
func objectsOf(n int, now time.Time) []any {
	a := appOf(n, now.Add(began))
	out := []any{a.deployment(), a.service()}
	for i := range perApp {
		out = append(out, a.pod(i, 100, 9, now), a.event(i, 9, now))
	}
	return out
}

// writeJSON is `kubectl get -A -o json`.
func writeJSON(dir string, size int64, now time.Time) error {
	first := true
	return file(filepath.Join(dir, "all.json"), size, `{
    "apiVersion": "v1",
    "items": [
        `, "\n    ],\n    \"kind\": \"List\",\n    \"metadata\": {\n        \"resourceVersion\": \"\"\n    }\n}\n", func(w *bufio.Writer, n int) error {
		for _, o := range objectsOf(n, now) {
			if !first {
				w.WriteString(",\n        ") //nolint:errcheck // Flush tells it
			}
			first = false
			data, err := json.MarshalIndent(o, "        ", "    ")
			if err != nil {
				return err
			}
			w.Write(data) //nolint:errcheck // Flush tells it
		}
		return nil
	})
}

// writeYAML is `kubectl get -A -o yaml`.
func writeYAML(dir string, size int64, now time.Time) error {
	return file(filepath.Join(dir, "all.yaml"), size, "apiVersion: v1\nitems:\n", "kind: List\nmetadata:\n  resourceVersion: \"\"\n", func(w *bufio.Writer, n int) error {
		for _, o := range objectsOf(n, now) {
			data, err := yaml.Marshal([]any{o})
			if err != nil {
				return err
			}
			w.Write(data) //nolint:errcheck // Flush tells it
		}
		return nil
	})
}

// writeDescriptions is `kubectl describe pods -A`. kubectl describes two pods, one
// that is well and one that crashes; the others are these with other names.
func writeDescriptions(dir string, size int64, now time.Time) error {
	texts := map[bool]string{}
	for _, n := range []int{0, crashing} {
		text, err := described(appOf(n, now.Add(began)), now)
		if err != nil {
			return err
		}
		texts[n == crashing] = text
	}
	return file(filepath.Join(dir, "kubectl_describe_pods_-A.txt"), size, "", "", func(w *bufio.Writer, n int) error {
		like := appOf(0, now)
		if n == crashing {
			like = appOf(crashing, now)
		}
		a := appOf(n, now)
		for i := range perApp {
			w.WriteString(strings.NewReplacer(like.podName(0), a.podName(i), like.name, a.name, like.namespace, a.namespace).Replace(texts[n == crashing])) //nolint:errcheck // Flush tells it
			w.WriteString("\n\n")                                                                                                                           //nolint:errcheck // Flush tells it
		}
		return nil
	})
}

// writeTables is `kubectl get pods -A -o wide` and `kubectl get events -A -o wide`.
func writeTables(dir string, size int64, now time.Time) error {
	age := duration.HumanDuration(-began)
	const pods, events = "%-10s  %-32s  %-5s  %-16s  %-13s  %-4s  %-15s  %-10s  %-14s  %s\n", "%-10s  %-9s  %-7s  %-7s  %-36s  %-22s  %-20s  %-120s  %-10s  %-5s  %s\n"
	err := file(filepath.Join(dir, "kubectl_get_pods_-A_-o_wide.txt"), size/2, fmt.Sprintf(pods, "NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP", "NODE", "NOMINATED NODE", "READINESS GATES"), "", func(w *bufio.Writer, n int) error {
		a := appOf(n, now)
		for i := range perApp {
			p := a.pod(i, 100, 9, now)
			ready, status, restarts := "2/2", "Running", "0"
			if n == crashing {
				ready, status, restarts = "1/2", "CrashLoopBackOff", "9 (10s ago)"
			}
			fmt.Fprintf(w, pods, a.namespace, p.Name, ready, status, restarts, age, p.Status.PodIP, p.Spec.NodeName, "<none>", "<none>")
		}
		return nil
	})
	if err != nil {
		return err
	}
	return file(filepath.Join(dir, "kubectl_get_events_-A_-o_wide.txt"), size/2, fmt.Sprintf(events, "NAMESPACE", "LAST SEEN", "TYPE", "REASON", "OBJECT", "SUBOBJECT", "SOURCE", "MESSAGE", "FIRST SEEN", "COUNT", "NAME"), "", func(w *bufio.Writer, n int) error {
		a := appOf(n, now)
		for i := range perApp {
			e := a.event(i, 9, now)
			fmt.Fprintf(w, events, a.namespace, "8s", e.Type, e.Reason, "pod/"+e.InvolvedObject.Name, e.InvolvedObject.FieldPath, "kubelet, "+nodeName(i), e.Message, age, "9", e.Name)
		}
		return nil
	})
}

// writeLogs is a `kubectl cluster-info dump --output-directory`: lists of objects,
// and 99 parts of 100 logs.
func writeLogs(dir string, size int64, now time.Time) error {
	lists := map[string][]any{}
	const apps = 20
	for n := range apps {
		for _, o := range objectsOf(n, now) {
			data, err := json.Marshal(o)
			if err != nil {
				return err
			}
			var head struct {
				Kind     string
				Metadata struct{ Namespace string }
			}
			if err := json.Unmarshal(data, &head); err != nil {
				return err
			}
			name := filepath.Join(head.Metadata.Namespace, strings.ToLower(head.Kind)+"s.json")
			lists[name] = append(lists[name], json.RawMessage(data))
		}
		a := appOf(n, now)
		for i := range perApp {
			if err := writeLog(filepath.Join(dir, a.namespace, a.podName(i), "logs.txt"), size/(apps*perApp), a, now); err != nil {
				return err
			}
		}
	}
	for name, items := range lists {
		kind := map[string]string{"pods": "PodList", "events": "EventList", "deployments": "DeploymentList", "services": "ServiceList"}[strings.TrimSuffix(filepath.Base(name), ".json")]
		version := "v1"
		if kind == "DeploymentList" {
			version = "apps/v1"
		}
		data, err := json.MarshalIndent(map[string]any{"kind": kind, "apiVersion": version, "metadata": map[string]any{}, "items": items}, "", "    ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// writeLog is a log of requests, one in a thousand of which failed; what crashes
// ends with its reason.
func writeLog(path string, size int64, a app, now time.Time) error {
	last := ""
	if a.n == crashing {
		last = now.Add(-10*time.Second).UTC().Format(time.RFC3339Nano) + " FATAL assertion failed: decode(input), parser.cc:211\n"
	}
	line := 0
	return file(path, size, "", last, func(w *bufio.Writer, n int) error {
		var b bytes.Buffer
		for range 20 {
			line++
			at := now.Add(time.Duration(line)*100*time.Millisecond - time.Hour).UTC().Format("2006-01-02T15:04:05.000Z")
			if line%1000 == 0 {
				fmt.Fprintf(&b, "%s level=warn msg=\"request failed, trying again\" method=GET path=/api/v1/items/%d status=503 took=%dms\n", at, line, line%90)
				continue
			}
			fmt.Fprintf(&b, "%s level=info msg=\"handled a request\" method=GET path=/api/v1/items/%d status=200 took=%dms bytes=4711 trace=9f86d081884c7d65\n", at, line, line%90)
		}
		_, err := w.Write(b.Bytes())
		return err
	})
}
