// Package command makes machines with programs of the user's, which get variables of
// the environment and give lines of JSON. docs/nodepools.md is their contract.
package command

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/nodepool/decide"
)

const (
	defaultTimeout = 5 * time.Minute
	// maxOutput bounds what is read of a program, maxSaid what is told of its
	// complaints.
	maxOutput, maxSaid = 16 << 20, 1000
)

// Provider runs the programs of one pool.
type Provider struct {
	pool    string
	spec    v1alpha1.NodePoolSpec
	command v1alpha1.CommandProvider
	timeout time.Duration
}

// New makes a provider.
func New(pool string, spec v1alpha1.NodePoolSpec) (*Provider, error) {
	c := spec.Provider.Command
	if c == nil || len(c.Create) == 0 || len(c.Delete) == 0 || len(c.List) == 0 {
		return nil, errors.New("the provider command needs spec.provider.command with create, delete and list")
	}
	p := &Provider{pool: pool, spec: decide.Complete(spec), command: *c, timeout: defaultTimeout}
	if c.Timeout != nil {
		p.timeout = c.Timeout.Duration
	}
	return p, nil
}

// Create runs the program once for each machine, and stops at the first failure.
func (p *Provider) Create(ctx context.Context, names []string) error {
	template := decide.Template(p.pool, p.spec, nil)
	shape := map[string]string{}
	for name, q := range p.spec.Machine.Resources {
		shape["BULKHEAD_MACHINE_"+variable(string(name))] = q.String()
	}
	for _, name := range names {
		env := map[string]string{"BULKHEAD_NODE": name, "BULKHEAD_LABELS": pairs(template.Labels), "BULKHEAD_TAINTS": taints(template.Spec.Taints),
			"BULKHEAD_MACHINE_ARCHITECTURE": p.spec.Machine.Architecture}
		maps.Copy(env, shape)
		if _, err := p.run(ctx, "create", p.command.Create, env); err != nil {
			return fmt.Errorf("create machine %s: %w", name, err)
		}
	}
	return nil
}

// Delete runs the program for one machine.
func (p *Provider) Delete(ctx context.Context, m decide.Machine) error {
	if _, err := p.run(ctx, "delete", p.command.Delete, map[string]string{"BULKHEAD_NODE": m.Name, "BULKHEAD_MACHINE_ID": m.ID}); err != nil {
		return fmt.Errorf("delete machine %s: %w", m.Name, err)
	}
	return nil
}

// line is a machine as the list program prints it.
type line struct {
	Node  string `json:"node"`
	ID    string `json:"id"`
	State string `json:"state"`
	Error string `json:"error"`
}

// List runs the program and reads a machine of each line.
func (p *Provider) List(ctx context.Context) ([]decide.Machine, error) {
	out, err := p.run(ctx, "list", p.command.List, nil)
	if err != nil {
		return nil, fmt.Errorf("list machines: %w", err)
	}
	return parse(out)
}

func parse(out []byte) ([]decide.Machine, error) {
	var list []decide.Machine
	scanner := bufio.NewScanner(bytes.NewReader(out))
	scanner.Buffer(nil, 1<<20)
	for n := 1; scanner.Scan(); n++ {
		text := bytes.TrimSpace(scanner.Bytes())
		if len(text) == 0 {
			continue
		}
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			return nil, fmt.Errorf("list machines: line %d is no JSON object: %w", n, err)
		}
		if l.Node == "" && l.ID == "" {
			return nil, fmt.Errorf("list machines: line %d has neither node nor id", n)
		}
		m := decide.Machine{ID: l.ID, Name: l.Node, Error: l.Error}
		switch l.State {
		case "", "running":
			m.State = decide.Running
		case "creating":
			m.State = decide.Making
		case "deleting":
			m.State = decide.Deleting
		case "failed":
			m.State = decide.Failed
		default:
			return nil, fmt.Errorf("list machines: line %d has the state %q; want creating, running, deleting or failed", n, l.State)
		}
		list = append(list, m)
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("list machines: %w", err)
	}
	return list, nil
}

// Template is nil: the pool's spec says it all.
func (p *Provider) Template(context.Context) (*corev1.Node, error) { return nil, nil }

// Close does nothing: no program outlives its call.
func (p *Provider) Close() error { return nil }

func (p *Provider) run(ctx context.Context, action string, words []string, env map[string]string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.WaitDelay = 5 * time.Second // for what it started itself
	cmd.Env = append(os.Environ(), "BULKHEAD_POOL="+p.pool, "BULKHEAD_ACTION="+action)
	for _, set := range []map[string]string{p.command.Env, env} {
		for _, k := range slices.Sorted(maps.Keys(set)) {
			cmd.Env = append(cmd.Env, k+"="+set[k])
		}
	}
	var said limited
	said.most = maxSaid
	out := limited{most: maxOutput}
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	switch text := strings.TrimSpace(said.String()); {
	case ctx.Err() != nil && err != nil:
		return nil, fmt.Errorf("%s did not end in %s: %w", words[0], p.timeout, ctx.Err())
	case err != nil && text != "":
		return nil, fmt.Errorf("%s: %w: %s", words[0], err, text)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", words[0], err)
	}
	return out.Bytes(), nil
}

// limited keeps the beginning of what is written.
type limited struct {
	bytes.Buffer
	most int
}

func (l *limited) Write(b []byte) (int, error) {
	if room := l.most - l.Len(); room > 0 {
		l.Buffer.Write(b[:min(room, len(b))])
	}
	return len(b), nil
}

// variable is a resource's name as a part of a variable's: ephemeral-storage is
// EPHEMERAL_STORAGE.
func variable(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, name)
}

func pairs(m map[string]string) string {
	var list []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		list = append(list, k+"="+m[k])
	}
	return strings.Join(list, ",")
}

func taints(list []corev1.Taint) string {
	var out []string
	for _, t := range list {
		out = append(out, t.Key+"="+t.Value+":"+string(t.Effect))
	}
	return strings.Join(out, ",")
}
