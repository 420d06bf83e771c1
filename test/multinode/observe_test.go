package multinode

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// observed lets a program crash on an agent's node: what the kernel told there is in
// the server's journal, once, and why names it. It also looks at what an agent says
// of its node.
func (m *machines) observed(node string) {
	m.Helper()
	labels := map[string]string{"app": fmt.Sprint("crasher-", time.Now().Unix())}
	name := labels["app"]
	spec := template(labels)
	spec.Spec.NodeSelector = map[string]string{v1.LabelHostname: node}
	spec.Spec.Containers[0].Args = []string{"panic", "60"}
	// The first process of a namespace cannot be ended by a signal of its own.
	spec.Spec.ShareProcessNamespace = ptr.To(true)
	apps := m.kube.AppsV1().Deployments(metav1.NamespaceDefault)
	_, err := apps.Create(m.ctx, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       appsv1.DeploymentSpec{Replicas: ptr.To[int32](1), Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: spec},
	}, metav1.CreateOptions{})
	m.must(err)

	var exits, cores []record.Record
	m.eventually(60*time.Second, "the journal has how it crashed", func() error {
		exits, cores = m.told(record.TypeExit, "kernel", name), m.told(record.TypeCoreDump, "core", name)
		if len(exits) < 2 || len(cores) < 2 {
			return fmt.Errorf("%d ends by a signal and %d core dumps", len(exits), len(cores))
		}
		return nil
	})
	for _, r := range append(exits, cores...) {
		if r.Node != node || len(r.Owners) != 2 || r.Owners[1].Name != name {
			m.Errorf("recorded on %s, of %s, owned by %v", r.Node, r.Object, r.Owners)
		}
	}
	pids := map[int]bool{}
	for _, r := range exits {
		p := r.Payload.(*record.Exit)
		if p.Signal != 6 || p.Container != "app" || pids[p.PID] {
			m.Errorf("an end by a signal is %+v", p)
		}
		pids[p.PID] = true
	}
	core := cores[0].Payload.(*record.CoreDump)
	if !slices.ContainsFunc(core.Stack, func(f string) bool { return strings.HasPrefix(f, "main.fall") }) || len(core.Log) != 50 || filepath.Base(core.Executable) != "testapp" {
		m.Errorf("the first core dump is %+v", core)
	}
	m.eventually(20*time.Second, "why names the crash", func() error {
		said, err := m.tryBulkhead(m.server, "why", "deploy/"+name)
		if err != nil {
			return err
		}
		for _, want := range []string{"First cause: deployment/" + name, "container app (/bin/testapp) crashed on SIGABRT", "called by main.fall at testapp/main.go"} {
			if !strings.Contains(said, want) {
				return fmt.Errorf("it lacks %q:\n%s", want, said)
			}
		}
		return nil
	})
	m.must(apps.Delete(m.ctx, name, metav1.DeleteOptions{}))
	if said := m.bulkhead(m.agents[node], "status"); !strings.Contains(said, "observation") {
		m.Errorf("status on %s says:\n%s", node, said)
	}
	m.problems(node)
}

// told are the journal's records of a type from a source about an app's pods.
func (m *machines) told(of record.Type, source, app string) (found []record.Record) {
	m.Helper()
	all, err := m.server.Records(m.ctx, of)
	m.must(err)
	for _, r := range all {
		if r.Source == source && strings.HasPrefix(r.Object.Name, app+"-") {
			found = append(found, r)
		}
	}
	return found
}

// problems looks at the conditions that an agent makes of its kernel's log and its
// container runtime.
func (m *machines) problems(name string) {
	m.Helper()
	m.eventually(30*time.Second, name+" says what is wrong with it", func() error {
		node, err := m.kube.CoreV1().Nodes().Get(m.ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, want := range []v1.NodeConditionType{"KernelDeadlock", "ReadonlyFilesystem", "ContainerRuntimeUnhealthy"} {
			if !slices.ContainsFunc(node.Status.Conditions, func(c v1.NodeCondition) bool { return c.Type == want && c.Status == v1.ConditionFalse }) {
				return fmt.Errorf("%s is not False: %v", want, node.Status.Conditions)
			}
		}
		return nil
	})
}

// serverNodeComesBack deletes the server's Node: neither the cluster nor the pods
// there end with it.
func (m *machines) serverNodeComesBack() {
	m.Helper()
	before, err := m.pods("everywhere")
	m.must(err)
	nodes := m.kube.CoreV1().Nodes()
	old, err := nodes.Get(m.ctx, "server", metav1.GetOptions{})
	m.must(err)
	m.must(nodes.Delete(m.ctx, "server", metav1.DeleteOptions{}))
	m.eventually(60*time.Second, "the server's node comes back", func() error {
		node, err := nodes.Get(m.ctx, "server", metav1.GetOptions{})
		if err != nil {
			return err
		}
		after, err := m.pods("everywhere")
		if err == nil && (node.UID == old.UID || node.Spec.PodCIDR != old.Spec.PodCIDR || after["server"].UID != before["server"].UID ||
			!slices.Contains(m.status(m.server), "server ready=true cordoned=false")) {
			err = fmt.Errorf("node %s with %s, pod %s, %q", node.UID, node.Spec.PodCIDR, after["server"].Name, m.status(m.server))
		}
		return err
	})
	if m.server.PID() == 0 {
		m.Error("the server's daemon ended with its Node")
	}
}
