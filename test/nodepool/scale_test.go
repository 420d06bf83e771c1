package nodepool

import (
	"fmt"
	"strings"
	"testing"
	"time"

	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

func TestAPoolGrowsForPodsAndShrinksWithoutThem(t *testing.T) {
	h := newHarbour(t)
	h.says("There are no node pools.\n", "nodepool", "list")
	h.pool("web", func(*v1alpha1.NodePoolSpec) {})
	h.deploy("shop", "web", 4, "900m", "1Gi")
	h.has("shop", 4, "web", 2)
	h.says("NAME  PROVIDER  MIN  MAX  NODES  READY  HELD\nweb  simulated  0  10  2  2\n", "nodepool", "list")
	h.says("No pod waits for a node.\nNodes:\n"+
		"  web  web-N  Ready  its pods ask for 90% of its cpu and 50% of its memory\n"+
		"  web  web-N  Ready  its pods ask for 90% of its cpu and 50% of its memory\n", "nodepool", "explain", "web")
	if e := h.events("web"); !strings.Contains(e, "ScaleUp: It grows by ") || !strings.Contains(e, "of Deployment default/shop find") {
		t.Errorf("events:\n%s", e)
	}

	h.must(h.kube.AppsV1().Deployments(space).Delete(h.ctx, "shop", metav1.DeleteOptions{}))
	h.says("NAME  PROVIDER  MIN  MAX  NODES  READY  HELD\nweb  simulated  0  10  0  0\n", "nodepool", "list")
}

func TestANodeIsEmptiedAsThePodDisruptionBudgetLets(t *testing.T) {
	h := newHarbour(t)
	h.pool("web", func(s *v1alpha1.NodePoolSpec) { s.Min = 2 })
	h.says("NAME  PROVIDER  MIN  MAX  NODES  READY  HELD\nweb  simulated  2  10  2  2\n", "nodepool", "list")
	h.deploy("shop", "web", 2, "900m", "1Gi") // one on each node
	h.has("shop", 2, "web", 2)
	zero := intstr.FromInt32(0)
	budgets := h.kube.PolicyV1().PodDisruptionBudgets(space)
	_, err := budgets.Create(h.ctx, &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Name: "shop"},
		Spec: policyv1.PodDisruptionBudgetSpec{MaxUnavailable: &zero, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "shop"}}}}, metav1.CreateOptions{})
	h.must(err)
	h.bulkhead("nodepool", "scale", "web", "--min", "1")
	h.mentions([]string{"nodepool", "explain", "web"}, "the PodDisruptionBudget default/shop lets its pod default/shop-")
	time.Sleep(quiet)
	h.has("shop", 2, "web", 2)

	_, err = budgets.Patch(h.ctx, "shop", types.MergePatchType, []byte(`{"spec":{"maxUnavailable":1}}`), metav1.PatchOptions{})
	h.must(err)
	h.has("shop", 2, "web", 1)
	if e := h.events("web"); !strings.Contains(e, "ScaleDown: Node web-") {
		t.Errorf("events:\n%s", e)
	}
}

func TestAPoolsSizeIsFixedAndLetGo(t *testing.T) {
	h := newHarbour(t)
	h.pool("web", func(*v1alpha1.NodePoolSpec) {})
	says := func(want string, args ...string) {
		t.Helper()
		if got := h.bulkhead(append([]string{"nodepool", "scale", "web"}, args...)...); got != want {
			t.Errorf("scale %v says %q, want %q", args, got, want)
		}
	}
	says("Node pool web was min 0, max 10, and would be fixed at 3 (min 0, max 10).\n", "3", "--dry-run")
	says("Node pool web was min 0, max 10, and is fixed at 3 (min 0, max 10).\n", "3")
	h.says("NAME  PROVIDER  MIN  MAX  NODES  READY  HELD\nweb  simulated  0  10  3 (fixed at 3)  3\n", "nodepool", "list")
	h.mentions([]string{"nodepool", "explain", "web"}, "the pool's size is fixed at 3")
	says("Node pool web was fixed at 3 (min 0, max 10), and is fixed at 3 (min 1, max 10).\n", "--min", "1")
	says("Node pool web was fixed at 3 (min 1, max 10), and is min 1, max 10.\n", "--auto")
	h.says("NAME  PROVIDER  MIN  MAX  NODES  READY  HELD\nweb  simulated  1  10  1  1\n", "nodepool", "list")

	// A pool that is deleted goes with its last node.
	h.must(h.kube.CoreV1().RESTClient().Delete().AbsPath(pools, "web").Do(h.ctx).Error())
	h.says("There are no node pools.\n", "nodepool", "list")
	h.eventually("its nodes are gone", func() error {
		list, err := h.kube.CoreV1().Nodes().List(h.ctx, metav1.ListOptions{LabelSelector: v1alpha1.LabelNodePool})
		if err == nil && len(list.Items) > 0 {
			err = fmt.Errorf("%d are left", len(list.Items))
		}
		return err
	})
}

func TestAPodThatFitsNoMachineBuysNone(t *testing.T) {
	h := newHarbour(t)
	h.pool("web", func(*v1alpha1.NodePoolSpec) {})
	h.deploy("big", "web", 2, "3", "1Gi")
	want := "Pods that wait:\n  2 of Deployment default/big: NoPoolFits\n  pool web: Insufficient cpu\nNodes:\n"
	h.says(want, "nodepool", "explain")
	time.Sleep(quiet)
	h.says(want, "nodepool", "explain")
	if s := h.status("web"); s.Nodes != 0 || len(s.Attempts) != 0 || strings.Contains(h.events("web"), "ScaleUp") {
		t.Errorf("it bought: %+v", s)
	}
}
