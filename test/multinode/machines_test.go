package multinode

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/bulkhead-k8s/bulkhead/internal/admin"
	"github.com/bulkhead-k8s/bulkhead/test/cluster"
	"github.com/bulkhead-k8s/bulkhead/test/hosts"
	"github.com/bulkhead-k8s/bulkhead/test/images"
)

// archive is the image of the tests' program, built once.
var archive string

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if archive != "" {
		os.Remove(archive)
	}
	os.Exit(code)
}

const (
	testLimit = 200 * time.Second
	// joinLimit bounds the start of a server or an agent on a busy machine.
	joinLimit = 60 * time.Second
	pause     = 200 * time.Millisecond
)

// machines are those of one cluster.
type machines struct {
	*testing.T
	ctx     context.Context
	segment *hosts.Segment
	server  *cluster.Cluster
	agents  map[string]*cluster.Cluster
	kube    kubernetes.Interface
	url     string
}

// newMachines starts a server, and removes it and its agents after the test.
func newMachines(t *testing.T, args ...string) *machines {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: clusters take seconds to start")
	}
	if err := errors.Join(cluster.Supported(), hosts.Supported()); err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), cluster.Patience(testLimit))
	t.Cleanup(cancel)
	m := &machines{T: t, ctx: ctx, agents: map[string]*cluster.Cluster{}}
	var err error
	if archive == "" {
		archive, err = images.Build(ctx)
		m.must(err)
	}
	m.segment, err = hosts.NewSegment(ctx)
	m.must(err)
	t.Cleanup(func() {
		if err := m.segment.Close(); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	m.server = m.machine(cluster.Options{Args: append([]string{"--node-name=server"}, args...)})
	m.start(m.server)
	access, err := m.server.REST()
	m.must(err)
	m.kube, err = kubernetes.NewForConfig(access)
	m.must(err)
	m.url = access.Host
	return m
}

func (m *machines) must(err error) {
	m.Helper()
	if err != nil {
		m.Fatal(err)
	}
}

// sharedDisk lets the kubelets leave the disk alone, which is everybody's here: how
// full it is says nothing about these nodes.
var sharedDisk = []string{"--kubelet-arg=eviction-hard=nodefs.available<1Gi,imagefs.available<1Gi", "--kubelet-arg=image-gc-high-threshold=100"}

// machine is a machine in the segment, with nothing running.
func (m *machines) machine(o cluster.Options) *cluster.Cluster {
	m.Helper()
	o.Args = append(o.Args, sharedDisk...)
	var err error
	o.Label = "bh-multi"
	o.Net, err = m.segment.New(m.ctx, o.Label)
	m.must(err)
	c, err := cluster.New(m.ctx, o)
	m.must(err)
	m.Cleanup(func() { c.RemoveWith(m.T) })
	return c
}

// start starts a server or an agent, and gives it the image.
func (m *machines) start(c *cluster.Cluster) {
	m.Helper()
	ctx, cancel := context.WithTimeout(m.ctx, cluster.Patience(joinLimit))
	defer cancel()
	began := time.Now()
	m.must(c.Start(ctx))
	m.Logf("%s ready after %.1f s", c.Config.NodeName, time.Since(began).Seconds())
	m.must(images.ImportFile(m.ctx, c.Admin(), archive))
}

// join starts an agent with a token.
func (m *machines) join(name, token string) *cluster.Cluster {
	m.Helper()
	c := m.machine(cluster.Options{Agent: true, Args: []string{"--node-name=" + name, "--server=" + m.url, "--token=" + token}})
	m.start(c)
	m.agents[name] = c
	return c
}

// refused starts an agent that has to end by itself, and returns its last words.
func (m *machines) refused(name, token string) string {
	m.Helper()
	c := m.machine(cluster.Options{Agent: true, Args: []string{"--node-name=" + name, "--server=" + m.url, "--token=" + token}})
	m.must(c.Launch())
	ctx, cancel := context.WithTimeout(m.ctx, cluster.Patience(20*time.Second))
	defer cancel()
	if err := c.Exited(ctx); err == nil || ctx.Err() != nil {
		m.Fatalf("%s should be refused, but: %v", name, err)
	}
	_, said, found := strings.Cut("\n"+strings.TrimSpace(c.Log()), "\nbulkheadd: ")
	if !found || strings.Contains(said, "\n") {
		m.Errorf("%s does not end in one clear line:\n%s", name, c.Log())
	}
	return said
}

// bulkhead runs the CLI where c is, on c's cluster, and returns what it says.
func (m *machines) bulkhead(c *cluster.Cluster, args ...string) string {
	m.Helper()
	said, err := m.tryBulkhead(c, args...)
	if err != nil {
		m.Fatalf("bulkhead %s: %v\n%s", strings.Join(args, " "), err, said)
	}
	return said
}

func (m *machines) tryBulkhead(c *cluster.Cluster, args ...string) (string, error) {
	m.Helper()
	cmd, err := c.Command(m.ctx, "bulkhead", append(args, "--data-dir="+c.Config.DataDir)...)
	m.must(err)
	cmd.Env = append(os.Environ(), "HOME="+c.Config.DataDir)
	said, err := cmd.CombinedOutput()
	return string(said), err
}

// token makes a token on the server.
func (m *machines) token(args ...string) (text, id string) {
	m.Helper()
	var made struct{ ID, Token string }
	m.must(json.Unmarshal([]byte(m.bulkhead(m.server, append([]string{"token", "create", "-o", "json"}, args...)...)), &made))
	return made.Token, made.ID
}

// status is what a machine says of the cluster's nodes, as "name state".
func (m *machines) status(c *cluster.Cluster) []string {
	m.Helper()
	client := c.Admin()
	defer client.Close()
	status, err := client.Status(m.ctx)
	m.must(err)
	return describe(status.Nodes)
}

func describe(nodes []admin.Node) []string {
	var out []string
	for _, n := range nodes {
		out = append(out, fmt.Sprintf("%s ready=%v cordoned=%v", n.Name, n.Ready, n.Cordoned))
	}
	slices.Sort(out)
	return out
}

// eventually asks again until check is satisfied.
func (m *machines) eventually(limit time.Duration, what string, check func() error) {
	m.Helper()
	deadline := time.Now().Add(cluster.Patience(limit))
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) || m.ctx.Err() != nil {
			m.Fatalf("%s: not within %s: %v", what, limit, err)
		}
		time.Sleep(pause)
	}
}

// pods returns the running pods of an app by the node that they are on.
func (m *machines) pods(app string) (map[string]v1.Pod, error) {
	list, err := m.kube.CoreV1().Pods(metav1.NamespaceDefault).List(m.ctx, metav1.ListOptions{LabelSelector: "app=" + app})
	if err != nil {
		return nil, err
	}
	byNode := map[string]v1.Pod{}
	for _, pod := range list.Items {
		if pod.DeletionTimestamp == nil && pod.Status.Phase == v1.PodRunning && slices.ContainsFunc(pod.Status.Conditions, func(c v1.PodCondition) bool {
			return c.Type == v1.PodReady && c.Status == v1.ConditionTrue
		}) {
			byNode[pod.Spec.NodeName] = pod
		}
	}
	return byNode, nil
}

// ask asks a pod through the API server, which has to reach it from its own node.
func (m *machines) ask(pod v1.Pod, path, name, value string, more ...string) ([]byte, error) {
	request := m.kube.CoreV1().RESTClient().Get().Namespace(pod.Namespace).Resource("pods").
		Name(pod.Name+":8080").SubResource("proxy").Suffix(path).Param(name, value).Timeout(5 * time.Second)
	for i := 0; i+1 < len(more); i += 2 {
		request = request.Param(more[i], more[i+1])
	}
	return request.DoRaw(m.ctx)
}

// fetch asks an address from inside of a pod, and returns who answers and whom
// that one sees.
func (m *machines) fetch(pod v1.Pod, address string) (hostname, client string, err error) {
	body, err := m.ask(pod, "/fetch", "url", "http://"+address+"/")
	if err != nil {
		return "", "", fmt.Errorf("from %s to %s: %w: %s", pod.Spec.NodeName, address, err, body)
	}
	var answer struct{ Hostname, Client string }
	if err := json.Unmarshal(body, &answer); err != nil {
		return "", "", fmt.Errorf("from %s to %s: %q: %w", pod.Spec.NodeName, address, body, err)
	}
	return answer.Hostname, answer.Client, nil
}
