package nodeops

import (
	"context"
	"fmt"
	"io"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"
	"k8s.io/kubectl/pkg/drain"
)

// DrainOptions are kubectl's, by the same names, but that pods of DaemonSets are
// always left: they would come back at once.
type DrainOptions struct {
	// Force also deletes pods that nobody makes anew.
	Force bool
	// DeleteEmptyDirData also evicts pods whose data is lost by it.
	DeleteEmptyDirData bool
	// GracePeriod is how long pods get to end, in seconds; below zero, what they
	// ask for.
	GracePeriod int
	// Timeout is how long it may take; zero is no limit.
	Timeout time.Duration
	// DryRun only says which pods would be evicted.
	DryRun bool
	// Out and ErrOut get a line for each pod.
	Out, ErrOut io.Writer
}

// Drain keeps new pods from a node and evicts those on it, as far as their
// disruption budgets allow. A node that could not be drained stays cordoned.
func Drain(ctx context.Context, client kubernetes.Interface, name string, o DrainOptions) error {
	node, err := get(ctx, client, name)
	if err != nil {
		return err
	}
	helper := o.helper(ctx, client)
	if err := drain.RunCordonOrUncordon(helper, node, true); err != nil {
		return fmt.Errorf("cordon node %s: %w", name, err)
	}
	said := "cordoned"
	if o.DryRun {
		said = "would be cordoned"
	}
	fmt.Fprintf(o.Out, "node %s %s\n", name, said)
	if err := drain.RunNodeDrain(helper, name); err != nil {
		return fmt.Errorf("drain node %s: %w; it stays cordoned: `bulkhead uncordon %s` takes it back", name, err, name)
	}
	if !o.DryRun {
		fmt.Fprintf(o.Out, "node %s drained\n", name)
	}
	return nil
}

func (o DrainOptions) helper(ctx context.Context, client kubernetes.Interface) *drain.Helper {
	helper := &drain.Helper{
		Ctx: ctx, Client: client, Force: o.Force, GracePeriodSeconds: o.GracePeriod, IgnoreAllDaemonSets: true,
		DeleteEmptyDirData: o.DeleteEmptyDirData, Timeout: o.Timeout, Out: o.Out, ErrOut: o.ErrOut,
	}
	if o.DryRun {
		helper.DryRunStrategy = cmdutil.DryRunServer
	}
	helper.OnPodDeletionOrEvictionFinished = func(pod *v1.Pod, evicted bool, err error) {
		if err == nil {
			fmt.Fprintf(o.Out, "pod %s/%s %s\n", pod.Namespace, pod.Name, map[bool]string{true: "evicted", false: "deleted"}[evicted])
		}
	}
	return helper
}

// Uncordon lets pods be scheduled to a node again.
func Uncordon(ctx context.Context, client kubernetes.Interface, name string, dryRun bool) (changed bool, err error) {
	node, err := get(ctx, client, name)
	if err != nil || !node.Spec.Unschedulable {
		return false, err
	}
	helper := DrainOptions{DryRun: dryRun}.helper(ctx, client)
	if err := drain.RunCordonOrUncordon(helper, node, false); err != nil {
		return false, fmt.Errorf("uncordon node %s: %w", name, err)
	}
	return true, nil
}

func get(ctx context.Context, client kubernetes.Interface, name string) (*v1.Node, error) {
	node, err := client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("there is no node %s; `bulkhead status` lists them", name)
	}
	if err != nil {
		return nil, fmt.Errorf("look for node %s: %w", name, err)
	}
	return node, nil
}
