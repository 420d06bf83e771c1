package nodepool

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

// cloud is a folder of machines, one file each, that programs of ours make and delete,
// and the kubelets that the test plays for them.
type cloud struct {
	h      *harbour
	folder string
	lacks  string // of memory, of what is foretold
}

const (
	createProgram = "#!/bin/sh\necho \"$BULKHEAD_NODE\" >>\"$CLOUD/created\"\n" +
		"echo '{\"node\":\"'$BULKHEAD_NODE'\",\"id\":\"cloud://'$BULKHEAD_NODE'\",\"state\":\"running\"}' >\"$CLOUD/$BULKHEAD_NODE.machine\"\n"
	deleteProgram = "#!/bin/sh\necho \"$BULKHEAD_NODE\" >>\"$CLOUD/deleted\"\nrm -f \"$CLOUD/$BULKHEAD_NODE.machine\"\n"
	listProgram   = "#!/bin/sh\nfor m in \"$CLOUD\"/*.machine; do [ -e \"$m\" ] && cat \"$m\"; done; true\n"
)

// newCloud makes a pool whose machines come from it.
func newCloud(h *harbour, lacks string, change func(*v1alpha1.NodePoolSpec)) *cloud {
	h.Helper()
	c := &cloud{h: h, folder: h.TempDir(), lacks: lacks}
	p := &v1alpha1.CommandProvider{Env: map[string]string{"CLOUD": c.folder}}
	for name, text := range map[string]string{"create": createProgram, "delete": deleteProgram, "list": listProgram} {
		path := filepath.Join(c.folder, name)
		h.must(os.WriteFile(path, []byte(text), 0o700))
		switch name {
		case "create":
			p.Create = []string{path}
		case "delete":
			p.Delete = []string{path}
		case "list":
			p.List = []string{path}
		}
	}
	h.pool("cloud", func(s *v1alpha1.NodePoolSpec) {
		s.Provider = v1alpha1.PoolProvider{Type: v1alpha1.ProviderCommand, Command: p}
		change(s)
	})
	return c
}

// lines are how often a program was asked for a machine.
func (c *cloud) lines(name string) int {
	text, err := os.ReadFile(filepath.Join(c.folder, name))
	if err != nil {
		return 0
	}
	return strings.Count(string(text), "\n")
}

// play makes a node of each machine, Ready, and renews its Lease, until the test ends.
func (c *cloud) play() {
	done := make(chan struct{})
	ended := make(chan struct{})
	c.h.Cleanup(func() { close(done); <-ended })
	go func() {
		defer close(ended)
		for {
			machines, _ := filepath.Glob(filepath.Join(c.folder, "*.machine"))
			for _, m := range machines {
				if err := c.kubelet(strings.TrimSuffix(filepath.Base(m), ".machine")); err != nil && !apierrors.IsConflict(err) && c.h.ctx.Err() == nil {
					c.h.T.Log(err)
				}
			}
			select {
			case <-done:
				return
			case <-time.After(500 * time.Millisecond):
			}
		}
	}()
}

func (c *cloud) kubelet(name string) error {
	nodes := c.h.kube.CoreV1().Nodes()
	_, err := nodes.Get(c.h.ctx, name, metav1.GetOptions{})
	if _, gone := os.Stat(filepath.Join(c.folder, name+".machine")); apierrors.IsNotFound(err) && gone == nil {
		memory := resource.MustParse("4Gi")
		memory.Sub(resource.MustParse(c.lacks))
		has := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("2"), corev1.ResourceMemory: memory, corev1.ResourcePods: resource.MustParse("20")}
		_, err = nodes.Create(c.h.ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{v1alpha1.LabelNodePool: "cloud", corev1.LabelHostname: name}},
			Spec: corev1.NodeSpec{ProviderID: "cloud://" + name}, Status: corev1.NodeStatus{Capacity: has, Allocatable: has,
				Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "Test", LastHeartbeatTime: metav1.Now(), LastTransitionTime: metav1.Now()}}}}, metav1.CreateOptions{})
	}
	if err != nil {
		return err
	}
	leases := c.h.kube.CoordinationV1().Leases(corev1.NamespaceNodeLease)
	lease, err := leases.Get(c.h.ctx, name, metav1.GetOptions{})
	now := metav1.NowMicro()
	if apierrors.IsNotFound(err) {
		_, err = leases.Create(c.h.ctx, &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec: coordinationv1.LeaseSpec{HolderIdentity: &name, LeaseDurationSeconds: new(int32(40)), RenewTime: &now}}, metav1.CreateOptions{})
		return err
	}
	if err != nil || lease.Spec.RenewTime != nil && now.Sub(lease.Spec.RenewTime.Time) < 5*time.Second {
		return err
	}
	lease.Spec.RenewTime = &now
	_, err = leases.Update(c.h.ctx, lease, metav1.UpdateOptions{})
	return err
}

// sicken makes n of the pool's nodes not Ready.
func (c *cloud) sicken(n int) {
	c.h.Helper()
	list, err := c.h.kube.CoreV1().Nodes().List(c.h.ctx, metav1.ListOptions{LabelSelector: v1alpha1.LabelNodePool + "=cloud"})
	c.h.must(err)
	for i := range list.Items[:n] {
		node := list.Items[i].Name
		c.h.eventually("make node "+node+" sick", func() error {
			now, err := c.h.kube.CoreV1().Nodes().Get(c.h.ctx, node, metav1.GetOptions{})
			if err != nil {
				return err
			}
			for j := range now.Status.Conditions {
				if k := &now.Status.Conditions[j]; k.Type == corev1.NodeReady {
					k.Status, k.Reason, k.LastTransitionTime = corev1.ConditionFalse, "Test", metav1.Now()
				}
			}
			_, err = c.h.kube.CoreV1().Nodes().UpdateStatus(c.h.ctx, now, metav1.UpdateOptions{})
			return err
		})
	}
}

// nodes waits until the pool has so many nodes, all Ready.
func (c *cloud) nodes(n int32) {
	c.h.Helper()
	c.h.eventually(fmt.Sprintf("%d nodes", n), func() error {
		if s := c.h.status("cloud"); s.Nodes != n || s.Ready != n {
			return fmt.Errorf("%d of %d nodes are Ready", s.Ready, s.Nodes)
		}
		return nil
	})
}

func TestANodeThatIsNotReadyIsReplacedAndAStormIsNot(t *testing.T) {
	h := newHarbour(t)
	c := newCloud(h, "0", func(s *v1alpha1.NodePoolSpec) {
		s.Min = 4
		s.Repair = v1alpha1.RepairRules{Mode: v1alpha1.ModeAct, Rules: []v1alpha1.RepairRule{{Condition: "Ready", Status: []corev1.ConditionStatus{corev1.ConditionFalse, corev1.ConditionUnknown},
			After: metav1.Duration{Duration: time.Second}}}}
		s.Repair.Correlation.Nodes = percent("100%")
	})
	c.play()
	c.nodes(4)
	c.sicken(1)
	h.eventually("it is given back", func() error {
		if n := c.lines("deleted"); n != 1 {
			return fmt.Errorf("%d machines were", n)
		}
		return nil
	})
	c.nodes(4)
	if made := c.lines("created"); made != 5 {
		t.Errorf("%d machines were made, want one for the one that was sick", made)
	}
	if e := h.events("cloud"); !strings.Contains(e, "Repair: Node cloud-") {
		t.Errorf("events:\n%s", e)
	}

	c.sicken(2)
	h.mentions([]string{"nodepool", "list"}, "Repair MaxUnhealthy for")
	time.Sleep(quiet)
	if c.lines("deleted") != 1 || c.lines("created") != 5 {
		t.Errorf("in a storm, %d machines were given back and %d made", c.lines("deleted")-1, c.lines("created")-5)
	}
}

func TestAMachineThatBecomesNoNodeIsGivenBackAndNotBoughtAgain(t *testing.T) {
	h := newHarbour(t)
	c := newCloud(h, "0", func(s *v1alpha1.NodePoolSpec) {
		s.ScaleUp.ProvisionTimeout = &metav1.Duration{Duration: 3 * time.Second}
	})
	h.deploy("shop", "cloud", 1, "1", "1Gi")
	h.mentions([]string{"nodepool", "explain"}, "NodeComes", "Making")
	h.eventually("it is given back", func() error {
		if n := c.lines("deleted"); n == 0 {
			return fmt.Errorf("%d machines were", n)
		}
		return nil
	})
	h.mentions([]string{"nodepool", "explain"}, "Deployment default/shop", "Held", "again at")
	time.Sleep(quiet)
	if n := c.lines("created"); n != 1 {
		t.Errorf("%d machines were made", n)
	}
	if s := h.status("cloud"); s.Nodes != 0 || s.NotBefore == nil {
		t.Errorf("the pool does not wait: %+v", s)
	}
}

func TestAPodThatFitsTheMachineOnPaperBuysOne(t *testing.T) {
	h := newHarbour(t)
	c := newCloud(h, "500Mi", func(s *v1alpha1.NodePoolSpec) { s.ScaleDown.UnneededFor = &metav1.Duration{Duration: time.Hour} })
	c.play()
	h.deploy("shop", "cloud", 1, "1", "4Gi")
	c.nodes(1)
	h.mentions([]string{"nodepool", "explain"}, "Held", "pool cloud: Deployment default/shop: no pod of it is Ready yet, and none has become so on its last nodes (cloud-")
	time.Sleep(2 * quiet)
	if n := c.lines("created"); n != 1 {
		t.Errorf("%d machines were made for a pod that fits none", n)
	}
	if s := h.status("cloud"); s.Shortfall.Memory().String() != "500Mi" {
		t.Errorf("what nodes lack is not remembered: %v", s.Shortfall)
	}
}
