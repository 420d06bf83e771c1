// Command nodepool measures how long a decision on node pools takes: for pods that
// find no room, and on a cluster where nothing happens.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime/pprof"
	"slices"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/nodepool/decide"
	"github.com/bulkhead-k8s/bulkhead/internal/nodepool/fit"
)

func main() {
	nodes := flag.Int("nodes", 1000, "simulated nodes")
	pods := flag.Int("pods", 1000, "pods that find no room")
	rounds := flag.Int("rounds", 7, "decisions of each kind")
	profile := flag.String("cpuprofile", "", "file for a profile of the processor's time")
	flag.Parse()
	if *profile != "" {
		file, err := os.Create(*profile)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		defer file.Close()
		if err := pprof.StartCPUProfile(file); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		defer pprof.StopCPUProfile()
	}
	if err := run(*nodes, *pods, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// scenario is one kind of decision.
type scenario struct {
	name    string
	pending []*corev1.Pod
	// bought is what must be bought, so that nothing quick and wrong is measured.
	bought int
}

func run(nodes, pods, rounds int) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	client := fake.NewClientset()
	factory := informers.NewSharedInformerFactory(client, 0)
	scheduler, err := fit.New(ctx, client, factory)
	if err != nil {
		return err
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())

	state := cluster(nodes, 1)
	state.Fit = scheduler
	perNode := 32 // pods of one cpu on a node of 32
	full := (pods + perNode - 1) / perNode
	fmt.Printf("%d nodes, %d pods that find no room\n%-62s %10s %10s %10s %10s %8s\n", nodes, pods, "", "median", "min", "max", "processor", "bought")
	for _, s := range []scenario{
		{"20 Deployments", pending(pods, pods/20, nil), full},
		{"each pod of an owner of its own", pending(pods, 1, nil), full},
		{"20 Deployments, spread over nodes", pending(pods, pods/20, spread), full},
		{"20 Deployments, one pod per node", pending(pods, pods/20, apart), pods / 20},
		{"none fits any pool", pending(pods, 1, func(p *corev1.Pod) { p.Spec.NodeSelector = map[string]string{"no": "where"} }), 0},
		{"nothing happens", nil, 0},
	} {
		if err := measure(state, s, rounds); err != nil {
			return err
		}
	}
	zoned := cluster(nodes, 3)
	zoned.Fit = scheduler
	for _, s := range []scenario{
		{"a pool for each of 3 zones: 20 Deployments, evenly over them", pending(pods, pods/20, evenly), full},
		{"… each pod of an owner of its own, evenly", pending(pods, 1, evenly), full},
	} {
		if err := measure(zoned, s, rounds); err != nil {
			return err
		}
	}
	return nil
}

func measure(state decide.State, s scenario, rounds int) error {
	state.Pods = append(slices.Clone(state.Pods), s.pending...)
	var took, cpu []time.Duration
	bought := 0
	for range rounds {
		began, used := time.Now(), processor()
		d := decide.Decide(state)
		took, cpu = append(took, time.Since(began)), append(cpu, processor()-used)
		bought = 0
		for _, b := range d.Buy {
			bought += len(b.Names)
		}
		state.Memory = d.Memory
		state.Memory.Recent = nil
	}
	slices.Sort(took)
	slices.Sort(cpu)
	ms := func(d time.Duration) string { return fmt.Sprintf("%.0f ms", float64(d.Microseconds())/1000) }
	fmt.Printf("%-62s %10s %10s %10s %10s %8d\n", s.name, ms(took[len(took)/2]), ms(took[0]), ms(took[len(took)-1]), ms(cpu[len(cpu)/2]), bought)
	if bought < s.bought {
		return fmt.Errorf("%s: bought %d, want at least %d", s.name, bought, s.bought)
	}
	return nil
}

// processor is what this process has used of it. It tells more than the clock on a
// machine that does other things, too.
func processor() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// cluster is nodes of 32 cpus whose pods ask for all of them. With several pools, each
// has a zone of its own.
func cluster(n, pools int) decide.State {
	r := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("32"), corev1.ResourceMemory: resource.MustParse("256Gi"), corev1.ResourcePods: resource.MustParse("110")}
	s := decide.State{Now: time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC), Owner: owner,
		Name: func(pool string, n int) string { return fmt.Sprintf("new-%s-%d", pool, n) }}
	for i := range pools {
		p := decide.Pool{Name: zone(i), Listed: true, Spec: v1alpha1.NodePoolSpec{
			Max: 10_000, Machine: v1alpha1.MachineShape{Resources: r}, Provider: v1alpha1.PoolProvider{Type: v1alpha1.ProviderSimulated},
			ScaleUp: v1alpha1.ScaleUpRules{Limits: v1alpha1.Limits{Rate: new(int32(10_000)), Parallel: new(intstr.FromString("100%")), Budget: new(int32(1 << 20))}}}}
		if pools > 1 {
			p.Spec.Labels = map[string]string{corev1.LabelTopologyZone: zone(i)}
		}
		s.Pools = append(s.Pools, p)
	}
	for i := range n {
		pool := &s.Pools[i%pools]
		pool.Status.Target++
		name := fmt.Sprintf("node-%d", i)
		node := decide.Template(pool.Name, decide.Complete(pool.Spec), nil)
		node.Name, node.UID = name, types.UID(name)
		node.Labels[corev1.LabelHostname], node.Labels[corev1.LabelTopologyZone] = name, zone(i)
		s.Nodes = append(s.Nodes, node)
		pool.Machines = append(pool.Machines, decide.Machine{ID: "x://" + name, Name: name, State: decide.Running})
		for j := range 32 {
			s.Pods = append(s.Pods, pod(fmt.Sprintf("base-%d", j), fmt.Sprintf("base-%d-%d", j, i), name))
		}
	}
	return s
}

func zone(i int) string { return "zone-" + string(rune('a'+i%3)) }

func pod(owner, name, on string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(name), Labels: map[string]string{"app": owner},
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: owner, UID: types.UID(owner), Controller: new(true)}}},
		Spec: corev1.PodSpec{NodeName: on, Containers: []corev1.Container{{Name: "c", Image: "registry.example.com/" + owner + ":1", Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1"), corev1.ResourceMemory: resource.MustParse("2Gi")}}}}}}
}

// pending are n pods, each owner's so many.
func pending(n, each int, change func(*corev1.Pod)) []*corev1.Pod {
	var list []*corev1.Pod
	for i := range n {
		p := pod(fmt.Sprintf("app-%d", i/max(1, each)), fmt.Sprintf("app-%d", i), "")
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable}}
		if change != nil {
			change(p)
		}
		list = append(list, p)
	}
	return list
}

func spread(p *corev1.Pod) {
	p.Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{MaxSkew: 5000, TopologyKey: corev1.LabelHostname, WhenUnsatisfiable: corev1.DoNotSchedule,
		LabelSelector: &metav1.LabelSelector{MatchLabels: p.Labels}}}
}

func evenly(p *corev1.Pod) {
	p.Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{MaxSkew: 1, TopologyKey: corev1.LabelTopologyZone, WhenUnsatisfiable: corev1.DoNotSchedule,
		LabelSelector: &metav1.LabelSelector{MatchLabels: p.Labels}}}
}

func apart(p *corev1.Pod) {
	p.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
		TopologyKey: corev1.LabelHostname, LabelSelector: &metav1.LabelSelector{MatchLabels: p.Labels}}}}}
}

func owner(p *corev1.Pod) v1alpha1.ObjectRef {
	c := metav1.GetControllerOf(p)
	return v1alpha1.ObjectRef{Kind: c.Kind, Namespace: p.Namespace, Name: c.Name}
}
