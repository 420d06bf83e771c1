package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// share is one kind of record of the mix, and how many of 100 are of it.
type share struct {
	percent int
	name    string
	make    func(*mix, *pod) record.Payload
}

// shares is what a node's and the API's sources would see of a cluster that is
// busy and has some pods that crash.
var shares = []share{
	{28, "probe results", (*mix).probe},
	{24, "usage", (*mix).usage},
	{14, "changes of pods' states", (*mix).patch},
	{1, "whole states", (*mix).whole},
	{13, "events", (*mix).event},
	{6, "throttling", (*mix).throttling},
	{5, "pressure", (*mix).pressure},
	{4, "exits", (*mix).exit},
	{3, "log lines", (*mix).log},
	{2, "image pulls", (*mix).pull},
}

// mix makes records in order of time, the same ones for the same number of pods.
type mix struct {
	rng  *rand.Rand
	now  time.Time
	pods []*pod
	kind []int // share by percent
}

type pod struct {
	ref     record.Ref
	owners  []record.Ref
	node    string
	image   string
	restart int
	memory  float64
	hash    string
}

func newMix(pods int) *mix {
	m := &mix{rng: rand.New(rand.NewPCG(4, 2)), now: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}
	for i := range pods {
		m.pods = append(m.pods, m.newPod(i))
	}
	for i, s := range shares {
		for range s.percent {
			m.kind = append(m.kind, i)
		}
	}
	return m
}

func (m *mix) batch(n int) []record.Record {
	records := make([]record.Record, n)
	for i := range records {
		records[i] = m.next()
	}
	return records
}

// next is the next record, 25 ms after the last on average. One in 2,000 times a
// pod is replaced by another.
func (m *mix) next() record.Record {
	m.now = m.now.Add(time.Duration(m.rng.IntN(50_000)) * time.Microsecond)
	i := m.rng.IntN(len(m.pods))
	if m.rng.IntN(2000) == 0 {
		m.pods[i] = m.newPod(i)
	}
	p := m.pods[i]
	s := shares[m.kind[m.rng.IntN(100)]]
	return record.Record{Time: m.now, Source: "node", Object: p.ref, Owners: p.owners, Node: p.node, Payload: s.make(m, p)}
}

func (m *mix) hex(n int) string {
	const digits = "0123456789abcdef"
	b := make([]byte, n)
	for i := range b {
		b[i] = digits[m.rng.IntN(16)]
	}
	return string(b)
}

func (m *mix) uid() string {
	return m.hex(8) + "-" + m.hex(4) + "-" + m.hex(4) + "-" + m.hex(4) + "-" + m.hex(12)
}

// newPod is a pod of one of a tenth as many Deployments.
func (m *mix) newPod(i int) *pod {
	d := i / 10
	ns, app, hash := fmt.Sprintf("team-%d", d%40), fmt.Sprintf("service-%d", d), fmt.Sprintf("%08x", d*2654435761%(1<<32))
	return &pod{
		ref: record.Ref{Kind: "Pod", Namespace: ns, Name: app + "-" + hash + "-" + m.hex(5), UID: m.uid()},
		owners: []record.Ref{
			{Group: "apps", Kind: "ReplicaSet", Namespace: ns, Name: app + "-" + hash, UID: hash + "-11d2-4f0b-9c1a-5e2f" + hash},
			{Group: "apps", Kind: "Deployment", Namespace: ns, Name: app, UID: hash + "-70aa-4c2e-8b11-93cd" + hash},
		},
		node: fmt.Sprintf("node-%d.example.internal", m.rng.IntN(100)), image: fmt.Sprintf("registry.example.com/%s/%s:v1.%d", ns, app, d%30),
		memory: float64(m.rng.IntN(900)+100) * (1 << 20), hash: hash,
	}
}

func (m *mix) probe(p *pod) record.Payload {
	kind := [...]string{"readiness", "liveness"}[m.rng.IntN(2)]
	r := &record.Probe{Container: "app", Kind: kind, OK: m.rng.IntN(12) > 0, Took: time.Duration(m.rng.ExpFloat64() * float64(8*time.Millisecond)).Round(time.Microsecond)}
	if !r.OK {
		r.Message = fmt.Sprintf(`Get "http://10.42.%d.%d:8080/healthz": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`, m.rng.IntN(100), m.rng.IntN(250))
	}
	return r
}

func (m *mix) usage(p *pod) record.Payload {
	if m.rng.IntN(3) == 0 {
		return &record.Usage{Resource: "disk", Container: "app", Used: float64(m.rng.IntN(50_000)) * 4096, Capacity: 10 << 30}
	}
	p.memory += float64(m.rng.IntN(2000)-990) * 4096
	return &record.Usage{Resource: "memory", Container: "app", Used: p.memory, Capacity: 2 << 30}
}

func (m *mix) throttling(*pod) record.Payload {
	n := m.rng.Int64N(600)
	return &record.Throttling{Container: "app", Periods: 600, Throttled: n, Waited: time.Duration(n*m.rng.Int64N(90)) * time.Millisecond}
}

func (m *mix) pressure(*pod) record.Payload {
	v := func() float64 { return float64(m.rng.IntN(3000)) / 100 }
	return &record.Pressure{Resource: "cpu", Container: "app", Some10: v(), Some60: v(), Full10: v(), Full60: v()}
}

func (m *mix) exit(p *pod) record.Payload {
	p.restart++
	e := &record.Exit{Container: "app", Code: 1, Reason: "Error", Started: m.now.Add(-time.Duration(m.rng.IntN(3600)) * time.Second), PID: m.rng.IntN(1 << 22), Executable: "/usr/bin/node"}
	if m.rng.IntN(4) == 0 {
		e.Code, e.Signal = 0, 6
	}
	return e
}

func (m *mix) pull(p *pod) record.Payload {
	return &record.Pull{Image: p.image, Took: time.Duration(m.rng.IntN(9000)) * time.Millisecond}
}

func (m *mix) log(p *pod) record.Payload {
	lines := make([]string, 1+m.rng.IntN(5))
	for i := range lines {
		lines[i] = fmt.Sprintf(`%s level=error msg="request failed" path=/api/v1/orders/%d status=50%d duration=%dms trace=%s`,
			m.now.Format(time.RFC3339Nano), m.rng.IntN(1e6), m.rng.IntN(5), m.rng.IntN(3000), m.hex(16))
	}
	return &record.Log{Container: "app", Lines: lines}
}

func (m *mix) event(p *pod) record.Payload {
	e := &record.Event{Kind: "Normal", Component: "kubelet", Count: 1 + m.rng.IntN(20), Last: m.now.Truncate(time.Second), FieldPath: "spec.containers{app}"}
	e.First = e.Last.Add(-time.Duration(m.rng.IntN(600)) * time.Second)
	switch m.rng.IntN(5) {
	case 0:
		e.Reason, e.Message = "Pulled", fmt.Sprintf("Container image %q already present on machine", p.image)
	case 1:
		e.Reason, e.Message = "Started", "Started container app"
	case 2:
		e.Kind, e.Reason = "Warning", "BackOff"
		e.Message = fmt.Sprintf("Back-off restarting failed container app in pod %s_%s(%s)", p.ref.Name, p.ref.Namespace, p.ref.UID)
	case 3:
		e.Kind, e.Reason = "Warning", "Unhealthy"
		e.Message = fmt.Sprintf("Readiness probe failed: HTTP probe failed with statuscode: 50%d", m.rng.IntN(5))
	default:
		e.Component, e.Reason, e.FieldPath = "default-scheduler", "Scheduled", ""
		e.Message = fmt.Sprintf("Successfully assigned %s/%s to %s", p.ref.Namespace, p.ref.Name, p.node)
	}
	return e
}

// status is what changes when a container is started again; its id is new.
func (m *mix) status(p *pod) string {
	at := m.now.Format(time.RFC3339)
	return fmt.Sprintf(`{"conditions":[{"lastTransitionTime":%q,"status":"True","type":"Ready"},{"lastTransitionTime":%q,"status":"True","type":"ContainersReady"}],`+
		`"containerStatuses":[{"containerID":"containerd://%s","image":%q,"lastState":{"terminated":{"exitCode":1,"finishedAt":%q,"reason":"Error"}},`+
		`"name":"app","ready":true,"restartCount":%d,"started":true,"state":{"running":{"startedAt":%q}}}]}`,
		at, at, m.hex(64), p.image, at, p.restart, at)
}

func (m *mix) patch(p *pod) record.Payload {
	return &record.State{Patch: json.RawMessage(`{"status":` + m.status(p) + `}`)}
}

func (m *mix) whole(p *pod) record.Payload {
	var env []string
	for i := range 12 {
		env = append(env, fmt.Sprintf(`{"name":"SETTING_%d","value":"%s-%d"}`, i, p.hash, i*i))
	}
	return &record.State{Whole: json.RawMessage(fmt.Sprintf(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":%q,"namespace":%q,"uid":%q,"labels":{"app":%q,"pod-template-hash":%q}},`+
		`"spec":{"containers":[{"name":"app","image":%q,"env":[%s],"resources":{"limits":{"cpu":"500m","memory":"2Gi"}},"ports":[{"containerPort":8080}],`+
		`"readinessProbe":{"httpGet":{"path":"/healthz","port":8080},"periodSeconds":10}}],"nodeName":%q,"restartPolicy":"Always","serviceAccountName":"default"},"status":%s}`,
		p.ref.Name, p.ref.Namespace, p.ref.UID, p.owners[1].Name, p.hash, p.image, strings.Join(env, ","), p.node, m.status(p)))}
}
