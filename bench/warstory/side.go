package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/coredump/corepattern"
	"github.com/bulkhead-k8s/bulkhead/test/cluster"
)

// side is one way to run a cluster.
type side struct {
	name string
	// args are further flags of the daemon.
	args []string
	// pool is the example with the pool's rules.
	pool string
	// corePattern is where the kernel writes core dumps; empty leaves that to the
	// daemon.
	corePattern string
	// contain applies a ContainmentPolicy with all brakes in the mode Act.
	contain bool
}

// sides are what is compared. Core dumps are written where many hosts have them: to a
// folder of the node, which the pods have mounted as /cores, since the kernel looks
// the path up where the process does.
func sides() []side {
	return []side{
		{name: "stock", args: []string{"--disable=diagnosis", "--disable=containment"}, pool: "stock.yaml", corePattern: "/cores/core.%e.%p.%t"},
		{name: "bulkhead", pool: "guarded.yaml", contain: true},
	}
}

// undisturbed says that the machine's core dumps went where the side wants them to go:
// another Bulkhead that starts meanwhile takes them, and gives back those of others'
// pods to them only where they have asked for that.
func (s side) undisturbed() error {
	present, err := corepattern.Current()
	if err != nil {
		return err
	}
	if s.corePattern != "" && present != s.corePattern || s.corePattern == "" && corepattern.Ours(present) == "" {
		return fmt.Errorf("the figures are void: another program has set kernel.core_pattern to %q", present)
	}
	return nil
}

// machine is small, so that a core dump is to it what it is to a large machine of
// many pods: a node's disk has room for some dozens.
func machine() v1alpha1.MachineShape {
	return v1alpha1.MachineShape{Resources: corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("1"), corev1.ResourceMemory: resource.MustParse("1Gi"),
		corev1.ResourcePods: resource.MustParse("20"), corev1.ResourceEphemeralStorage: resource.MustParse("1Gi"),
	}}
}

// Minutes stand for the tens of minutes that repair waits elsewhere, on both sides.
const (
	pressureFor = 30 * time.Second
	notReadyFor = time.Minute
	drainFor    = 20 * time.Second
)

// poolOf is the side's example of a pool, with machines that are real here, and the
// same waits.
func poolOf(s side, o options) (*v1alpha1.NodePool, error) {
	root, err := cluster.ModuleRoot()
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(filepath.Join(root, "examples", "nodepools", s.pool))
	if err != nil {
		return nil, err
	}
	pool := &v1alpha1.NodePool{}
	if err := yaml.UnmarshalStrict(data, pool); err != nil {
		return nil, fmt.Errorf("read %s: %w", s.pool, err)
	}
	pool.Name = "war"
	pool.Spec.Min, pool.Spec.Max = int32(o.nodes), int32(o.most)
	pool.Spec.Machine = machine()
	pool.Spec.Labels = map[string]string{"tier": "war"}
	pool.Spec.Provider = v1alpha1.PoolProvider{Type: v1alpha1.ProviderLocal}
	pool.Spec.Repair.DrainTimeout = &metav1.Duration{Duration: drainFor}
	bad := func(condition string, after time.Duration, status ...corev1.ConditionStatus) v1alpha1.RepairRule {
		return v1alpha1.RepairRule{Condition: condition, Status: status, After: metav1.Duration{Duration: after}}
	}
	pool.Spec.Repair.Rules = []v1alpha1.RepairRule{
		bad("Ready", notReadyFor, corev1.ConditionFalse, corev1.ConditionUnknown),
		bad("DiskPressure", pressureFor, corev1.ConditionTrue),
		bad("MemoryPressure", pressureFor, corev1.ConditionTrue),
		bad("PIDPressure", pressureFor, corev1.ConditionTrue),
	}
	return pool, nil
}

// policy lets every brake act.
func policy() *v1alpha1.ContainmentPolicy {
	p := &v1alpha1.ContainmentPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "ContainmentPolicy"},
		ObjectMeta: metav1.ObjectMeta{Name: "act"},
	}
	for _, action := range []v1alpha1.Action{
		v1alpha1.ActionScaleUp, v1alpha1.ActionRepair, v1alpha1.ActionSpread, v1alpha1.ActionDiskUse,
		v1alpha1.ActionRollout, v1alpha1.ActionRestart, v1alpha1.ActionDisruption,
	} {
		p.Spec.Brakes = append(p.Spec.Brakes, v1alpha1.BrakeRule{Action: action, Mode: v1alpha1.ModeAct})
	}
	return p
}
