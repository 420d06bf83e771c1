// Package nodepool shows on a real control plane, whose machines are simulated or
// come from programs of the test, what pools do with nodes: buy, fill, drain, give
// back, repair, and leave alone.
package nodepool

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/test/cluster"
)

const (
	testLimit = 4 * time.Minute
	// soon bounds a wait, quiet is how long nothing is to happen where nothing may.
	soon  = 40 * time.Second
	quiet = 4 * time.Second
	space = "default"
	pools = "/apis/bulkhead.dev/v1alpha1/nodepools"
)

// harbour is a test with its cluster, of which one node is in no pool.
type harbour struct {
	*testing.T
	*cluster.Cluster
	ctx  context.Context
	kube kubernetes.Interface
}

func newHarbour(t *testing.T) *harbour {
	t.Helper()
	t.Parallel()
	c, ctx := cluster.For(t, testLimit, cluster.Options{Label: "bh-pools", Simulate: true, Args: []string{"--simulated-nodes=1"}})
	h := &harbour{T: t, Cluster: c, ctx: ctx}
	h.must(c.Start(ctx))
	access, err := c.REST()
	h.must(err)
	h.kube, err = kubernetes.NewForConfig(access)
	h.must(err)
	deadline := time.Now().Add(cluster.Patience(soon))
	for { // the daemon installs the kind once the cluster is ready
		err := h.kube.CoreV1().RESTClient().Get().AbsPath(pools).Do(ctx).Error()
		if err == nil {
			return h
		}
		if time.Now().After(deadline) {
			h.Fatalf("the kind NodePool is not installed: %v", err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (h *harbour) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func (h *harbour) eventually(what string, check func() error) {
	h.Helper()
	deadline := time.Now().Add(cluster.Patience(soon))
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) || h.ctx.Err() != nil {
			h.Fatalf("%s: %v\n%s%s", what, err, h.bulkhead("nodepool", "list"), h.bulkhead("nodepool", "explain"))
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// bulkhead runs a command and gives what it prints.
func (h *harbour) bulkhead(args ...string) string {
	h.Helper()
	command, err := h.Command(h.ctx, "bulkhead", append(args, "--data-dir="+h.Config.DataDir)...)
	h.must(err)
	var out, said bytes.Buffer
	command.Stdout, command.Stderr = &out, &said
	if err := command.Run(); err != nil {
		h.Fatalf("bulkhead %s: %v: %s", strings.Join(args, " "), err, said.String())
	}
	return out.String()
}

// plain takes out of a command's text what is different each time.
func plain(text string) string {
	for _, r := range []struct{ from, to string }{
		{`\b([a-z]+)-[0-9a-f]{6}-\d+`, "$1-N"}, {`-[0-9a-f]{6,10}-[a-z0-9]{5}\b`, "-P"},
		{`\d\d:\d\d:\d\d UTC`, "TIME"}, {`\b(\d+m)?\d+s\b`, "A WHILE"}, {` {2,}`, "  "}, {` +\n`, "\n"},
	} {
		text = regexp.MustCompile(r.from).ReplaceAllString(text, r.to)
	}
	return text
}

// says waits until a command prints the wanted text, but for what is different each
// time.
func (h *harbour) says(want string, args ...string) {
	h.Helper()
	h.eventually("bulkhead "+strings.Join(args, " "), func() error {
		if got := plain(h.bulkhead(args...)); got != want {
			return fmt.Errorf("got\n%swant\n%s", got, want)
		}
		return nil
	})
}

// mentions waits until a command's text has all the words.
func (h *harbour) mentions(args []string, words ...string) {
	h.Helper()
	h.eventually("bulkhead "+strings.Join(args, " "), func() error {
		text := h.bulkhead(args...)
		for _, w := range words {
			if !strings.Contains(text, w) {
				return fmt.Errorf("%q is missing in\n%s", w, text)
			}
		}
		return nil
	})
}

// pool makes a node pool of small machines that hurries.
func (h *harbour) pool(name string, change func(*v1alpha1.NodePoolSpec)) {
	h.Helper()
	second := &metav1.Duration{Duration: time.Second}
	p := v1alpha1.NodePool{TypeMeta: metav1.TypeMeta{APIVersion: "bulkhead.dev/v1alpha1", Kind: "NodePool"}, ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.NodePoolSpec{Max: 10, Provider: v1alpha1.PoolProvider{Type: v1alpha1.ProviderSimulated},
			Machine: v1alpha1.MachineShape{Resources: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("2"), corev1.ResourceMemory: resource.MustParse("4Gi"), corev1.ResourcePods: resource.MustParse("20")}}}}
	p.Spec.ScaleDown.UnneededFor, p.Spec.ScaleDown.AfterAdd = second, second
	change(&p.Spec)
	body, err := json.Marshal(p)
	h.must(err)
	h.must(h.kube.CoreV1().RESTClient().Post().AbsPath(pools).SetHeader("Content-Type", "application/json").Body(body).Do(h.ctx).Error())
}

func (h *harbour) status(name string) v1alpha1.NodePoolStatus {
	h.Helper()
	body, err := h.kube.CoreV1().RESTClient().Get().AbsPath(pools, name).DoRaw(h.ctx)
	h.must(err)
	var p v1alpha1.NodePool
	h.must(json.Unmarshal(body, &p))
	return p.Status
}

// deploy makes a Deployment whose pods go to a pool's nodes only.
func (h *harbour) deploy(name, pool string, replicas int32, cpu, memory string) {
	h.Helper()
	labels := map[string]string{"app": name}
	_, err := h.kube.AppsV1().Deployments(space).Create(h.ctx, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.DeploymentSpec{Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{NodeSelector: map[string]string{v1alpha1.LabelNodePool: pool}, TerminationGracePeriodSeconds: new(int64(1)),
				Containers: []corev1.Container{{Name: "app", Image: "no.such.registry.example/app:1", Resources: corev1.ResourceRequirements{
					Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory)}}}}}}},
	}, metav1.CreateOptions{})
	h.must(err)
}

func (h *harbour) replicas(name string, n int) {
	h.Helper()
	_, err := h.kube.AppsV1().Deployments(space).Patch(h.ctx, name, types.MergePatchType, fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, n), metav1.PatchOptions{})
	h.must(err)
}

// has waits until a Deployment has so many pods Ready, and the pool so many nodes
// Ready and no other.
func (h *harbour) has(app string, pods int32, pool string, nodes int32) {
	h.Helper()
	h.eventually(fmt.Sprintf("%d pods of %s on %d nodes of %s", pods, app, nodes, pool), func() error {
		d, err := h.kube.AppsV1().Deployments(space).Get(h.ctx, app, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if s := h.status(pool); d.Status.ReadyReplicas != pods || d.Status.Replicas != pods || s.Ready != nodes || s.Nodes != nodes {
			return fmt.Errorf("%d of %d pods are Ready, %d of %d nodes", d.Status.ReadyReplicas, d.Status.Replicas, s.Ready, s.Nodes)
		}
		return nil
	})
}

// events are the reasons of a pool's Events.
func (h *harbour) events(pool string) string {
	h.Helper()
	list, err := h.kube.CoreV1().Events(metav1.NamespaceDefault).List(h.ctx, metav1.ListOptions{FieldSelector: "involvedObject.kind=NodePool,involvedObject.name=" + pool})
	h.must(err)
	var b strings.Builder
	for i := range list.Items {
		fmt.Fprintf(&b, "%s: %s\n", list.Items[i].Reason, list.Items[i].Message)
	}
	return b.String()
}

func percent(text string) *intstr.IntOrString { return new(intstr.FromString(text)) }
