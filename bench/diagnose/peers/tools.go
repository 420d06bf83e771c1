package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

// object is what a program names.
type object struct{ Kind, Namespace, Name string }

func (o object) String() string { return strings.Trim(o.Kind+"/"+o.Namespace+"/"+o.Name, "/") }

// report is what a program names as a problem, with its rank: the lower, the worse,
// from 0; all are 0 where a program does not rank.
type report map[object]int

// add keeps the worst rank of an object.
func (r report) add(o object, rank int) {
	if had, there := r[o]; !there || rank < had {
		r[o] = rank
	}
}

// tool is a program and how to read what it says.
type tool struct {
	name string
	path string
	args []string
	read func([]byte) (report, error)
}

// k8sgptAll are the analyzers that it can run without an integration. Unless told
// so it runs only those of the first line.
const k8sgptAll = "Pod,Deployment,ReplicaSet,PersistentVolumeClaim,Service,Ingress,StatefulSet,Job,CronJob,Node,ValidatingWebhookConfiguration,MutatingWebhookConfiguration,ConfigMap," +
	"HorizontalPodAutoscaler,PodDisruptionBudget,NetworkPolicy,Log,GatewayClass,Gateway,HTTPRoute,Storage,Security"

// build makes the programs below dir.
func build(ctx context.Context, root, dir string, names []string) ([]tool, error) {
	why := []string{"why", "-o", "json"}
	known := map[string]tool{
		"bulkhead":   {path: "bulkhead", args: why, read: readBulkhead},
		"popeye":     {path: "popeye", args: []string{"-A", "-o", "json", "--force-exit-zero"}, read: readPopeye},
		"k8sgpt":     {path: "k8sgpt", args: []string{"analyze", "-o", "json"}, read: readK8sgpt},
		"k8sgpt-all": {path: "k8sgpt", args: []string{"analyze", "-o", "json", "--filter", k8sgptAll}, read: readK8sgpt},
	}
	sources := map[string][2]string{
		"bulkhead": {".", "./cmd/bulkhead"},
		"popeye":   {"bench/diagnose/peers/popeye", "github.com/derailed/popeye"},
		"k8sgpt":   {"bench/diagnose/peers/k8sgpt", "github.com/k8sgpt-ai/k8sgpt"},
	}
	var out []tool
	for _, name := range names {
		t, ok := known[name]
		if !ok {
			return nil, fmt.Errorf("there is no program %q", name)
		}
		from, path := sources[t.path], filepath.Join(dir, t.path)
		c := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", path, from[1])
		c.Dir = filepath.Join(root, from[0])
		if said, err := c.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build %s: %w\n%s", name, err, said)
		}
		t.name, t.path = name, path
		out = append(out, t)
	}
	return out, nil
}

const kubeconfig = `apiVersion: v1
kind: Config
clusters: [{name: peers, cluster: {server: %q}}]
users: [{name: peers, user: {}}]
contexts: [{name: peers, context: {cluster: peers, user: peers}}]
current-context: peers
`

// against runs a program against an API server that holds s.
func against(ctx context.Context, s *state, t tool) (report, error) {
	home, err := os.MkdirTemp("", "peers-home-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(home)
	server := httptest.NewServer(newAPI(s))
	defer server.Close()
	config := filepath.Join(home, "kubeconfig")
	if err := os.WriteFile(config, fmt.Appendf(nil, kubeconfig, server.URL), 0o600); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, t.path, append(t.args, "--kubeconfig", config)...)
	// Each run has its own home: the programs keep what they discovered there.
	c.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + home}
	var stderr bytes.Buffer
	c.Stderr = &stderr
	stdout, err := c.Output()
	named, unread := t.read(stdout)
	if unread != nil {
		// The exit status says what was found; only what cannot be read is an error.
		return nil, errors.Join(unread, err, errors.New(lastOf(stderr.String())))
	}
	return named, nil
}

func lastOf(s string) string { return s[max(0, len(s)-300):] }

// fromBrace is the JSON in what a program prints, which may complain first.
func fromBrace(data []byte) []byte {
	if i := bytes.IndexByte(data, '{'); i >= 0 {
		return data[i:]
	}
	return data
}

// readBulkhead takes the first cause of each incident, worst first, and then what
// else the incidents hold for possible.
func readBulkhead(data []byte) (report, error) {
	var all struct {
		Incidents []v1alpha1.IncidentStatus `json:"incidents"`
	}
	if err := json.Unmarshal(fromBrace(data), &all); err != nil {
		return nil, fmt.Errorf("read incidents: %w", err)
	}
	return ofIncidents(all.Incidents), nil
}

func ofIncidents(incidents []v1alpha1.IncidentStatus) report {
	r := report{}
	for n, in := range incidents {
		if in.FirstCause.Reason == v1alpha1.NoCauseRecorded {
			continue // it says that it does not know
		}
		r.add(objectOf(in.FirstCause.Object), n)
		for _, c := range in.Candidates {
			r.add(objectOf(c.Object), len(incidents))
		}
	}
	return r
}

func objectOf(r v1alpha1.ObjectRef) object {
	if r.Kind == "" {
		r.Kind = "Cluster"
	}
	return object{r.Kind, r.Namespace, r.Name}
}

// readPopeye takes what it warns of (2) or calls an error (3).
func readPopeye(data []byte) (report, error) {
	var all struct {
		Popeye struct {
			Sections []struct {
				Linter string `json:"linter"`
				Issues map[string][]struct {
					Level int `json:"level"`
				} `json:"issues"`
			} `json:"sections"`
		} `json:"popeye"`
	}
	if err := json.Unmarshal(fromBrace(data), &all); err != nil {
		return nil, fmt.Errorf("read Popeye's report: %w", err)
	}
	r := report{}
	for _, s := range all.Popeye.Sections {
		for name, issues := range s.Issues {
			for _, i := range issues {
				if i.Level >= 2 {
					r.add(named(kindOf(s.Linter), name), 3-i.Level)
				}
			}
		}
	}
	return r, nil
}

// readK8sgpt takes every result: it has no severities and no order.
func readK8sgpt(data []byte) (report, error) {
	var all struct {
		Results []struct{ Kind, Name, ParentObject string } `json:"results"`
	}
	if err := json.Unmarshal(fromBrace(data), &all); err != nil {
		return nil, fmt.Errorf("read k8sgpt's results: %w", err)
	}
	r := report{}
	for _, result := range all.Results {
		// "Storage/PersistentVolume" is a PersistentVolume that the analyzer named
		// Storage looked at. Of webhooks' configurations it names the webhook.
		kind := result.Kind[strings.LastIndexByte(result.Kind, '/')+1:]
		if strings.HasSuffix(kind, "WebhookConfiguration") {
			kind = "Webhook"
		}
		r.add(named(kind, result.Name), 0)
	}
	return r, nil
}

// named reads namespace/name, name, or namespace/pod/container.
func named(kind, name string) object {
	parts := strings.Split(name, "/")
	if len(parts) == 1 {
		return object{Kind: kind, Name: name}
	}
	return object{Kind: kind, Namespace: parts[0], Name: parts[1]}
}
