package multinode

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A pool of local nodes grows from none by pods that find no room, serves, is mended,
// outlives the daemon, and leaves nothing.
func TestLocalPool(t *testing.T) {
	dir := t.TempDir()
	// Kubernetes takes 50 s by default to find that a node is silent.
	m := newMachines(t, "--image-dir="+dir, "--kube-controller-manager-arg=node-monitor-grace-period=20s")
	m.must(copyFile(archive, filepath.Join(dir, "app.tar")))
	m.createPool("local", nil)
	m.createApp(2)
	nodes := m.localNodes(2)
	m.localNodesAreAsAsked(nodes)
	m.serves()

	m.must(m.server.Stop(m.ctx))
	agents := m.agentsOf(nodes)
	m.start(m.server)
	if after := m.agentsOf(m.localNodes(2)); !slices.Equal(after, agents) || len(agents) != 2 {
		t.Errorf("after a restart of the server the agents are %v, want %v", after, agents)
	}

	m.killAgent(nodes[0])
	m.eventually(90*time.Second, nodes[0]+" is replaced", func() error {
		if now := m.ready(); len(now) != 2 || slices.Contains(now, nodes[0]) {
			return fmt.Errorf("nodes %v", now)
		}
		return nil
	})
	m.nothingLeftOf(nodes[0])
	m.serves()
	m.fillDisk()

	m.must(m.kube.AppsV1().Deployments(metav1.NamespaceDefault).Delete(m.ctx, "local", metav1.DeleteOptions{}))
	m.eventually(90*time.Second, "the pool shrinks to none", func() error {
		if list, err := m.poolNodes(); err != nil || len(list) > 0 {
			return fmt.Errorf("nodes %v, %v", list, err)
		}
		return nil
	})
	m.eventually(20*time.Second, "the last bridge goes", func() error {
		if links, err := m.server.Net.Command(m.ctx, "ip", "-o", "link").Output(); err != nil || strings.Contains(string(links), "bulkhead-pool") {
			return fmt.Errorf("%s, %v", links, err)
		}
		return nil
	})
	for _, name := range nodes {
		m.nothingLeftOf(name)
	}
}

// What is asked for, and cannot be made, is said; `down` and `up` keep local nodes, and
// `reset` leaves none.
func TestLocalNodesEndWithTheirServer(t *testing.T) {
	dir := t.TempDir()
	m := newMachines(t, "--image-dir="+dir)
	m.must(copyFile(archive, filepath.Join(dir, "app.tar")))
	m.createPool("local", nil)
	m.createApp(1)
	nodes := m.localNodes(1)
	m.poolThatCannotBe()
	before := m.localPods()[nodes[0]]

	m.must(m.server.Down(m.ctx, false))
	if left, err := m.server.Processes(); err != nil || len(left) > 0 {
		t.Errorf("after the end there are %v, %v", left, err)
	}
	m.start(m.server)
	m.eventually(60*time.Second, "the node comes back, and its pod", func() error {
		pod, is := m.localPods()[nodes[0]]
		if !is || pod.UID != before.UID {
			return fmt.Errorf("pods %v", m.localPods())
		}
		return nil
	})
	m.server.Kill()
	for _, step := range [][]string{{"cleanup"}, {"reset"}} {
		command, err := m.server.Command(m.ctx, "bulkheadd", append(step, "--data-dir", m.server.Config.DataDir)...)
		m.must(err)
		said, err := command.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v: %s", step, err, said)
		}
		if step[0] == "cleanup" && !strings.Contains(string(said), " agent\n") {
			t.Errorf("cleanup does not say that it ends an agent:\n%s", said)
		}
		if left, err := m.server.Processes(); err != nil || len(left) > 0 {
			t.Errorf("after %s there are %v, %v", step, left, err)
		}
	}
	m.nothingLeftOf(nodes[0])
	if links, err := m.server.Net.Command(m.ctx, "ip", "-o", "link").Output(); err != nil || strings.Contains(string(links), "bulkhead-pool") {
		t.Errorf("a reset leaves %s, %v", links, err)
	}
}
