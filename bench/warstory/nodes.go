package main

import (
	"context"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

// machines is what becomes of the pool's nodes, as the API tells it.
type machines struct {
	kube    kubernetes.Interface
	dataDir string

	mu    sync.Mutex
	known map[types.UID]*fate
	most  int
	// fullest is the largest share of a node's disk that was used.
	fullest float64
	// disturbed is when something was wrong with a node last.
	disturbed time.Time
}

// fate is that of one node.
type fate struct {
	name    string
	seen    time.Time
	healthy bool // it was, at least once
	gone    bool
	hits    []string // what happened to it while it was healthy
}

const look = 500 * time.Millisecond

func (m *machines) run(ctx context.Context) {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			list, err := m.kube.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: v1alpha1.LabelNodePool})
			if err == nil { // or the next time
				m.take(now, list.Items)
			}
			m.disks()
		}
	}
}

func (m *machines) take(now time.Time, nodes []corev1.Node) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil {
		m.known = map[types.UID]*fate{}
	}
	there := map[types.UID]bool{}
	for i := range nodes {
		n := &nodes[i]
		there[n.UID] = true
		f := m.known[n.UID]
		if f == nil {
			f = &fate{name: n.Name, seen: now}
			m.known[n.UID] = f
			say("node %s has come", n.Name)
		}
		wrong := trouble(n)
		if len(wrong) == 0 {
			f.healthy = true
			continue
		}
		m.disturbed = now
		if f.healthy {
			m.hit(f, wrong...)
		}
	}
	for uid, f := range m.known {
		if !there[uid] && !f.gone {
			f.gone, m.disturbed = true, now
			m.hit(f, "deleted")
		}
	}
	m.most = max(m.most, len(nodes))
}

// hit notes what happened to a node, each thing once.
func (m *machines) hit(f *fate, what ...string) {
	for _, w := range what {
		if !slices.Contains(f.hits, w) {
			f.hits = append(f.hits, w)
			say("node %s: %s", f.name, w)
		}
	}
}

// trouble is what is wrong with a node.
func trouble(n *corev1.Node) (wrong []string) {
	ready := false
	for _, c := range n.Status.Conditions {
		switch c.Type {
		case corev1.NodeReady:
			ready = c.Status == corev1.ConditionTrue
		case corev1.NodeDiskPressure, corev1.NodeMemoryPressure, corev1.NodePIDPressure:
			if c.Status == corev1.ConditionTrue {
				wrong = append(wrong, string(c.Type))
			}
		}
	}
	if !ready {
		wrong = append(wrong, "not ready")
	}
	if n.Spec.Unschedulable {
		wrong = append(wrong, "cordoned")
	}
	return wrong
}

func (m *machines) disks() {
	folders, _ := filepath.Glob(filepath.Join(m.dataDir, "nodes", "*", "data")) // the pattern is well formed
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, folder := range folders {
		var s unix.Statfs_t
		if unix.Statfs(folder, &s) == nil && s.Blocks > 0 {
			m.fullest = max(m.fullest, 1-float64(s.Bavail)/float64(s.Blocks))
		}
	}
}

// count sums up what happened since a time.
func (m *machines) count(since time.Time, before int) (hit, lost, bought, came int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range m.known {
		if len(f.hits) > 0 {
			hit++
		}
		if f.gone {
			lost++
		}
		if f.seen.After(since) {
			came++
		}
	}
	return hit, lost, m.most - before, came
}
