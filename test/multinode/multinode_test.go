package multinode

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/bulkhead-k8s/bulkhead/test/cluster"
	"github.com/bulkhead-k8s/bulkhead/test/images"
)

// Three machines become one cluster, and stay one through what happens to machines.
func TestNodesOverVXLAN(t *testing.T) {
	m := newMachines(t)
	if routes, err := m.server.Net.Command(m.ctx, "ip", "link", "show", "flannel.66").CombinedOutput(); err == nil {
		t.Errorf("a single node has an interface for others: %s", routes)
	}
	m.refuseBadTokens()
	token, id := m.token("--description=for tests")
	if listed := m.bulkhead(m.server, "token", "list"); !strings.Contains(listed, id) || !strings.Contains(listed, "for tests") || strings.Contains(listed, token) {
		t.Errorf("token list says:\n%s", listed)
	}
	m.join("one", token)
	m.join("two", token)
	m.bulkhead(m.server, "token", "delete", id)
	for _, c := range []string{"one", "two"} {
		if got, want := m.status(m.agents[c]), []string{"one ready=true cordoned=false", "server ready=true cordoned=false", "two ready=true cordoned=false"}; !slices.Equal(got, want) {
			t.Errorf("%s sees %q, want %q", c, got, want)
		}
	}
	m.certificates()
	m.everyPodReachesEveryPod()
	m.logs()
	m.metrics()
	m.observed("one")
	m.crashAndReturn("one")
	m.serverRestarts()
	m.observed("one")
	m.serverNodeComesBack()
	m.drainAndReturn("two")
	m.upgradeNode("one")
	m.removeNode("two")
	m.bulkhead(m.agents["one"], "down") // the upgrade has started it, so nobody else ends it
}

// The same network without wrapping.
func TestNodesOverHostGW(t *testing.T) {
	m := newMachines(t, "--pod-network=host-gw")
	token, _ := m.token()
	m.join("one", token)
	m.join("two", token)
	m.everyPodReachesEveryPod()
	routes, err := m.server.Net.Command(m.ctx, "ip", "route", "show", "proto", "66").Output()
	if err != nil || strings.Count(string(routes), "via") != 2 {
		t.Errorf("routes to two other nodes are %q, %v", routes, err)
	}
	m.removeAbsent("two")
	one := m.agents["one"]
	m.must(one.Down(m.ctx, false))
	cleanup, err := one.Command(m.ctx, "bulkheadd", "reset", "--data-dir", one.Config.DataDir)
	m.must(err)
	if said, err := cleanup.CombinedOutput(); err != nil {
		t.Errorf("reset: %v: %s", err, said)
	}
	if routes, err := one.Net.Command(m.ctx, "ip", "route", "show", "proto", "66").Output(); err != nil || len(routes) > 0 {
		t.Errorf("a reset leaves routes: %q, %v", routes, err)
	}
}

// refuseBadTokens tries tokens that do not hold, or are for another server.
func (m *machines) refuseBadTokens() {
	m.Helper()
	expired, _ := m.token("--ttl=1s")
	good, _ := m.token()
	secret, pin, _ := strings.Cut(good, "@sha256:")
	time.Sleep(1500 * time.Millisecond) // until it has expired
	for name, tc := range map[string]struct{ token, want string }{
		"expired": {expired, "does not accept the token"},
		"wrong":   {secret[:7] + "0000000000000000" + "@sha256:" + pin, "does not accept the token"},
		"pin":     {secret + "@sha256:" + strings.Repeat("0", 64), "another certificate authority"},
		"text":    {secret, "no token to join with"},
	} {
		if said := m.refused(name, tc.token); !strings.Contains(said, tc.want) {
			m.Errorf("a token that is %s: %q, want %q", name, said, tc.want)
		}
	}
	if said := m.refused("server", good); !strings.Contains(said, "has a node server already") {
		m.Errorf("a second node of the same name: %q", said)
	}
}

// certificates looks at how nodes got theirs.
func (m *machines) certificates() {
	m.Helper()
	m.eventually(20*time.Second, "each agent has both certificates", func() error {
		list, err := m.kube.CertificatesV1().CertificateSigningRequests().List(m.ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		issued := map[string]int{}
		for _, r := range list.Items {
			if len(r.Status.Certificate) > 0 {
				issued[r.Spec.SignerName]++
			}
		}
		if issued["kubernetes.io/kube-apiserver-client-kubelet"] != 2 || issued["kubernetes.io/kubelet-serving"] != 2 {
			return fmt.Errorf("issued: %v", issued)
		}
		return nil
	})
}

// everyPodReachesEveryPod puts a pod on each node and lets each ask each other's, the
// Service of all, and DNS.
func (m *machines) everyPodReachesEveryPod() {
	m.Helper()
	labels := map[string]string{"app": "everywhere"}
	_, err := m.kube.AppsV1().DaemonSets(metav1.NamespaceDefault).Create(m.ctx, &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Name: "everywhere"},
		Spec:       appsv1.DaemonSetSpec{Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: template(labels)},
	}, metav1.CreateOptions{})
	m.must(err)
	service, err := m.kube.CoreV1().Services(metav1.NamespaceDefault).Create(m.ctx, &v1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "everywhere"},
		Spec:       v1.ServiceSpec{Selector: labels, Ports: []v1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(8080)}}},
	}, metav1.CreateOptions{})
	m.must(err)
	var pods map[string]v1.Pod
	m.eventually(60*time.Second, "a pod on each node", func() (err error) {
		if pods, err = m.pods("everywhere"); err == nil && len(pods) != 3 {
			err = fmt.Errorf("pods on %d nodes", len(pods))
		}
		return err
	})
	for from, pod := range pods {
		for to, other := range pods {
			m.eventually(20*time.Second, from+" reaches "+to, func() error {
				hostname, client, err := m.fetch(pod, other.Status.PodIP+":8080")
				if err == nil && (hostname != other.Name || !strings.HasPrefix(client, pod.Status.PodIP)) {
					err = fmt.Errorf("%s answers, called by %s; want %s, called by %s", hostname, client, other.Name, pod.Status.PodIP)
				}
				return err
			})
		}
		m.eventually(20*time.Second, from+" reaches all pods through the Service", func() error {
			seen := map[string]bool{}
			for range 20 {
				hostname, _, err := m.fetch(pod, service.Spec.ClusterIP)
				if err != nil {
					return err
				}
				seen[hostname] = true
			}
			if len(seen) != 3 {
				return fmt.Errorf("only %v answer", seen)
			}
			return nil
		})
		m.resolves(pod, service.Spec.ClusterIP)
	}
}

// resolves asks the DNS of a pod's own node.
func (m *machines) resolves(pod v1.Pod, want string) {
	m.Helper()
	m.eventually(20*time.Second, "DNS on "+pod.Spec.NodeName, func() error {
		body, err := m.ask(pod, "/dns", "type", "A", "name", "everywhere.default")
		if err != nil {
			return err
		}
		var found struct {
			Answers []string
			Error   string
		}
		if err := json.Unmarshal(body, &found); err != nil {
			return err
		}
		if !slices.Equal(found.Answers, []string{want}) {
			return fmt.Errorf("%+v, want %s", found, want)
		}
		return nil
	})
}

func template(labels map[string]string) v1.PodTemplateSpec {
	return v1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: labels},
		Spec: v1.PodSpec{
			TerminationGracePeriodSeconds: ptr.To[int64](2),
			Containers:                    []v1.Container{{Name: "app", Image: images.App, Args: []string{"serve"}, ImagePullPolicy: v1.PullNever}},
		},
	}
}

// logs uses the kubelets of all nodes through the API server, which checks what they
// serve with.
func (m *machines) logs() {
	m.Helper()
	pods, err := m.pods("everywhere")
	m.must(err)
	for node, pod := range pods {
		m.eventually(20*time.Second, "logs of a pod on "+node, func() error {
			_, err := m.kube.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &v1.PodLogOptions{}).DoRaw(m.ctx)
			return err
		})
	}
}

// metrics asks what the server scrapes of all kubelets.
func (m *machines) metrics() {
	m.Helper()
	m.eventually(60*time.Second, "metrics of all nodes", func() error {
		body, err := m.kube.Discovery().RESTClient().Get().AbsPath("/apis/metrics.k8s.io/v1beta1/nodes").DoRaw(m.ctx)
		if err != nil {
			return err
		}
		var list struct{ Items []struct{} }
		if err := json.Unmarshal(body, &list); err != nil {
			return err
		}
		if len(list.Items) != 3 {
			return fmt.Errorf("of %d nodes", len(list.Items))
		}
		return nil
	})
}

// crashAndReturn kills an agent's daemon: its pods go on, and the next daemon finds
// them, without a token.
func (m *machines) crashAndReturn(name string) {
	m.Helper()
	before, err := m.pods("everywhere")
	m.must(err)
	agent := m.agents[name]
	agent.Kill()
	if hostname, _, err := m.fetch(before["server"], before[name].Status.PodIP+":8080"); err != nil || hostname != before[name].Name {
		m.Errorf("while the daemon of %s is gone its pod says %q, %v", name, hostname, err)
	}
	agent.SetArgs(append([]string{"--node-name=" + name}, sharedDisk...)...)
	m.start(agent)
	after, err := m.pods("everywhere")
	m.must(err)
	if a, b := before[name], after[name]; a.UID != b.UID || a.Status.PodIP != b.Status.PodIP || b.Status.ContainerStatuses[0].RestartCount != 0 {
		m.Errorf("%s came back with pod %s at %s, restarted %d times; want %s at %s, never restarted", name,
			b.Name, b.Status.PodIP, b.Status.ContainerStatuses[0].RestartCount, a.Name, a.Status.PodIP)
	}
}

// serverRestarts ends the server and starts it again: agents stay.
func (m *machines) serverRestarts() {
	m.Helper()
	before, err := m.pods("everywhere")
	m.must(err)
	m.must(m.server.Stop(m.ctx))
	m.start(m.server)
	m.eventually(60*time.Second, "all nodes are ready after the server's restart", func() error {
		if got := m.status(m.server); len(got) != 3 || strings.Contains(strings.Join(got, " "), "ready=false") {
			return fmt.Errorf("nodes: %q", got)
		}
		return nil
	})
	after, err := m.pods("everywhere")
	m.must(err)
	for node, pod := range before {
		if after[node].UID != pod.UID {
			m.Errorf("the pod on %s did not outlive the server's restart", node)
		}
	}
	if got := m.agents["one"].PID(); got == 0 {
		m.Error("an agent ended with its server")
	}
}

// drainAndReturn moves pods off a node, and lets it take some again.
func (m *machines) drainAndReturn(name string) {
	m.Helper()
	m.deploy(6)
	if on := m.placed(); on[name] == 0 {
		m.Fatalf("no pod is on %s: %v", name, on)
	}
	if said := m.bulkhead(m.server, "drain", name, "--dry-run"); !strings.Contains(said, "would be cordoned") || m.placed()[name] == 0 {
		m.Errorf("drain --dry-run says:\n%s", said)
	}
	said := m.bulkhead(m.server, "drain", name)
	if !strings.Contains(said, "evicted") || !strings.Contains(said, "drained") {
		m.Errorf("drain says:\n%s", said)
	}
	m.eventually(60*time.Second, "the drained pods run elsewhere", func() error {
		if on := m.placed(); on[name] != 0 || on["server"]+on["one"] != 6 {
			return fmt.Errorf("pods: %v", on)
		}
		return nil
	})
	if got := m.status(m.server); !slices.Contains(got, name+" ready=true cordoned=true") {
		m.Errorf("status: %q", got)
	}
	m.bulkhead(m.server, "uncordon", name)
	m.deploy(12)
	if on := m.placed(); on[name] == 0 {
		m.Errorf("a node that was uncordoned gets no pods: %v", on)
	}
}

// deploy scales an app that is spread over the nodes, and waits for it.
func (m *machines) deploy(replicas int32) {
	m.Helper()
	labels := map[string]string{"app": "spread"}
	spec := template(labels)
	spec.Spec.TopologySpreadConstraints = []v1.TopologySpreadConstraint{{
		MaxSkew: 1, TopologyKey: v1.LabelHostname, WhenUnsatisfiable: v1.ScheduleAnyway, LabelSelector: &metav1.LabelSelector{MatchLabels: labels},
	}}
	apps := m.kube.AppsV1().Deployments(metav1.NamespaceDefault)
	present, err := apps.Get(m.ctx, "spread", metav1.GetOptions{})
	if err == nil {
		present.Spec.Replicas = &replicas
		_, err = apps.Update(m.ctx, present, metav1.UpdateOptions{})
	} else {
		_, err = apps.Create(m.ctx, &appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Name: "spread"},
			Spec:       appsv1.DeploymentSpec{Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: spec},
		}, metav1.CreateOptions{})
	}
	m.must(err)
	m.eventually(60*time.Second, fmt.Sprintf("%d pods are ready", replicas), func() error {
		d, err := apps.Get(m.ctx, "spread", metav1.GetOptions{})
		if err == nil && d.Status.ReadyReplicas != replicas {
			err = fmt.Errorf("%d are", d.Status.ReadyReplicas)
		}
		return err
	})
}

// placed counts the app's pods by node.
func (m *machines) placed() map[string]int {
	m.Helper()
	list, err := m.kube.CoreV1().Pods(metav1.NamespaceDefault).List(m.ctx, metav1.ListOptions{LabelSelector: "app=spread"})
	m.must(err)
	on := map[string]int{}
	for _, pod := range list.Items {
		if pod.DeletionTimestamp == nil && pod.Status.Phase == v1.PodRunning {
			on[pod.Spec.NodeName]++
		}
	}
	return on
}

// removeNode takes a node out of the cluster.
func (m *machines) removeNode(name string) {
	m.Helper()
	if said, err := m.tryBulkhead(m.server, "remove", "server"); err == nil || !strings.Contains(said, "runs the server") {
		m.Errorf("the server's own node: %v: %s", err, said)
	}
	gone := m.agents[name]
	gone.SetArgs(append([]string{"--node-name=" + name}, sharedDisk...)...)
	m.bulkhead(m.server, "remove", name)
	if got := m.status(m.server); len(got) != 2 {
		m.Errorf("nodes after the removal: %q", got)
	}
	m.eventually(30*time.Second, "the other nodes forget the way to "+name, func() error {
		routes, err := m.server.Net.Command(m.ctx, "ip", "route", "show", "dev", "flannel.66").Output()
		if err == nil && strings.Count(string(routes), "via") != 1 {
			err = errors.New(string(routes))
		}
		return err
	})
	m.ended(gone, "this node was removed from the cluster;")
	m.must(gone.Launch()) // as its supervisor does
	m.ended(gone, "has not joined a cluster")
}

// removeAbsent takes a node out of the cluster that is off, and starts it again.
func (m *machines) removeAbsent(name string) {
	m.Helper()
	gone := m.agents[name]
	m.must(gone.Stop(m.ctx))
	if left, err := gone.Containers(); err != nil || len(left) == 0 {
		m.Errorf("no container outlives the stop of its daemon: %v", err)
	}
	m.bulkhead(m.server, "remove", name, "--force")
	gone.SetArgs(append([]string{"--node-name=" + name}, sharedDisk...)...)
	m.must(gone.Launch())
	m.ended(gone, "this node was removed from the cluster;")
}

// ended waits until the daemon of a node that was removed has ended by itself, with
// its containers and these words.
func (m *machines) ended(gone *cluster.Cluster, words string) {
	m.Helper()
	ctx, cancel := context.WithTimeout(m.ctx, cluster.Patience(60*time.Second))
	defer cancel()
	err := gone.Exited(ctx)
	if ctx.Err() != nil {
		m.Fatalf("the daemon of a node that was removed goes on: %v", err)
	}
	_, last, _ := strings.Cut(gone.Log(), "\nbulkheadd: ")
	if err == nil || !strings.Contains(last, words) {
		m.Errorf("it ended with %v and %q, want %q", err, last, words)
	}
	if left, err := gone.Containers(); err != nil || len(left) > 0 {
		m.Errorf("containers go on where the node was removed: %v, %v", left, err)
	}
}

// upgradeNode restarts a node as an upgrade does. The programs are the same before
// and after: what is tested is the way there.
func (m *machines) upgradeNode(name string) {
	m.Helper()
	agent := m.agents[name]
	before := agent.PID()
	m.bulkhead(m.server, "drain", "two")
	if said, err := m.tryBulkhead(agent, "upgrade"); err == nil || !strings.Contains(said, "two is cordoned") {
		m.Errorf("an upgrade beside a cordoned node: %v: %s", err, said)
	}
	m.bulkhead(m.server, "uncordon", "two")
	if said := m.bulkhead(agent, "upgrade", "--dry-run"); !strings.Contains(said, "would restart") || agent.PID() != before {
		m.Errorf("upgrade --dry-run says:\n%s", said)
	}
	said := m.bulkhead(agent, "upgrade")
	if !strings.Contains(said, "drained") || !strings.Contains(said, "uncordoned") {
		m.Errorf("upgrade says:\n%s", said)
	}
	if got := m.status(agent); !slices.Contains(got, name+" ready=true cordoned=false") || agent.PID() != 0 {
		m.Errorf("after the upgrade: %q, the old process is %d", got, agent.PID())
	}
	if on := m.placed(); on[name] != 0 {
		m.Errorf("pods stayed on a node during its upgrade: %v", on)
	}
}
