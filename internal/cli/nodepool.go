package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/admin"
)

func (a *app) nodepool() *cobra.Command {
	return a.family(&cobra.Command{
		Use:     "nodepool",
		Aliases: []string{"nodepools"},
		Short:   "List, explain and scale the pools of nodes",
		Long: `List, explain and scale the pools of nodes, which grow for pods that find no room,
shrink when they are not needed, and mend their nodes. docs/nodepools.md says how.`,
		Example: a.text(`  bulkhead nodepool list
  bulkhead nodepool explain
  bulkhead nodepool scale web 5`),
	}, a.nodepoolList(), a.nodepoolExplain(), a.nodepoolScale())
}

// poolsOf declares the flags that say which cluster is meant, and returns a client for
// its node pools.
func (a *app) poolsOf(cmd *cobra.Command) func() (rest.Interface, error) {
	cluster := a.clusterOf(cmd)
	return func() (rest.Interface, error) {
		access, err := cluster()
		if err != nil {
			return nil, err
		}
		scheme := runtime.NewScheme()
		if err := v1alpha1.AddToScheme(scheme); err != nil {
			return nil, err
		}
		access.APIPath, access.GroupVersion = "/apis", &v1alpha1.GroupVersion
		access.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
		return rest.RESTClientFor(access)
	}
}

func (a *app) nodepoolList() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the pools, with what is held and why",
		Example: a.text(`  bulkhead nodepool list`),
		Args:    a.noArgs,
	}
	client := a.poolsOf(cmd)
	output := addOutput(cmd, table, asJSON, asYAML)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := client()
		if err != nil {
			return err
		}
		var list v1alpha1.NodePoolList
		if err := c.Get().Resource("nodepools").Do(cmd.Context()).Into(&list); err != nil {
			return fmt.Errorf("list node pools: %w", err)
		}
		if *output != table {
			return printAs(a.out, *output, list.Items)
		}
		return a.printPools(list.Items)
	}
	return cmd
}

func (a *app) printPools(list []v1alpha1.NodePool) error {
	if len(list) == 0 {
		a.printf("There are no node pools.\n")
		return nil
	}
	w := tabwriter.NewWriter(a.out, 0, 8, 3, ' ', 0)
	fmt.Fprintln(w, "NAME\tPROVIDER\tMIN\tMAX\tNODES\tREADY\tHELD")
	for i := range list {
		p := &list[i]
		size := fmt.Sprint(p.Status.Nodes)
		if p.Spec.Nodes != nil {
			size += fmt.Sprintf(" (fixed at %d)", *p.Spec.Nodes)
		}
		var held []string
		for _, c := range p.Status.Conditions {
			if action, is := strings.CutSuffix(c.Type, "Held"); is && c.Status == metav1.ConditionTrue {
				held = append(held, fmt.Sprintf("%s %s for %s", action, c.Reason, time.Since(c.LastTransitionTime.Time).Round(time.Second)))
			}
			if c.Type == v1alpha1.ConditionProviderAnswers && c.Status == metav1.ConditionFalse {
				held = append(held, "provider: "+c.Message)
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\t%d\t%s\n", p.Name, p.Spec.Provider.Type, p.Spec.Min, p.Spec.Max, size, p.Status.Ready, strings.Join(held, "; "))
	}
	return w.Flush()
}

func (a *app) nodepoolExplain() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "explain [POOL]",
		Short: "Say of each waiting pod why it gets no node, and of each node why it stays",
		Example: a.text(`  bulkhead nodepool explain
  bulkhead nodepool explain web -o json`),
		Args: a.args(cobra.MaximumNArgs(1)),
	}
	daemon := a.daemonOf(cmd)
	output := addOutput(cmd, table, asJSON, asYAML)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		client, err := daemon()
		if err != nil {
			return err
		}
		defer client.Close()
		reply, err := client.NodePools(cmd.Context(), admin.NodePoolsRequest{Pool: strings.Join(args, "")})
		if err != nil {
			return err
		}
		if *output != table {
			return printAs(a.out, *output, reply)
		}
		return a.explainPools(reply)
	}
	return cmd
}

func (a *app) explainPools(r admin.NodePoolsReply) error {
	if r.At.IsZero() {
		a.printf("There are no node pools.\n")
		return nil
	}
	if len(r.Pods) == 0 {
		a.printf("No pod waits for a node.\n")
	} else {
		a.printf("Pods that wait:\n")
	}
	for len(r.Pods) > 0 { // those of an owner that have the same answer are one line
		v := r.Pods[0]
		same := func(o admin.PodVerdict) bool {
			return o.Owner == v.Owner && o.Verdict == v.Verdict && slices.Equal(o.Why, v.Why)
		}
		n := 0
		for _, o := range r.Pods {
			if same(o) {
				n++
			}
		}
		name := v.Namespace + "/" + v.Name
		if n > 1 {
			name = fmt.Sprintf("%d of %s", n, v.Owner)
		}
		a.printf("  %s: %s\n", name, v.Verdict)
		for _, why := range v.Why {
			a.printf("      %s\n", why)
		}
		r.Pods = slices.DeleteFunc(r.Pods, same)
	}
	a.printf("Nodes:\n")
	w := tabwriter.NewWriter(a.out, 0, 8, 3, ' ', 0)
	for _, v := range r.Nodes {
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", v.Pool, v.Node, v.State, v.Why)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, text := range r.Advice {
		a.printf("Advice: %s\n", text)
	}
	return nil
}

func (a *app) nodepoolScale() *cobra.Command {
	var auto, dryRun bool
	var least, most int32
	cmd := &cobra.Command{
		Use:   "scale POOL [NODES]",
		Short: "Fix the size of a pool, let it go again, or change its bounds",
		Long: `Fix the size of a pool at NODES, which lies between its min and its max; with
--auto, let pods and use decide again. --min and --max change the bounds.`,
		Example: a.text(`  bulkhead nodepool scale web 5
  bulkhead nodepool scale web --auto
  bulkhead nodepool scale web --min 2 --max 20`),
		Args: a.args(cobra.RangeArgs(1, 2)),
	}
	client := a.poolsOf(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&auto, "auto", false, "let pods and use decide")
	flags.Int32Var(&least, "min", 0, "fewest nodes")
	flags.Int32Var(&most, "max", 0, "most nodes")
	flags.BoolVar(&dryRun, "dry-run", false, "only say what would change")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		change := map[string]any{}
		if flags.Changed("min") {
			change["min"] = least
		}
		if flags.Changed("max") {
			change["max"] = most
		}
		switch {
		case len(args) == 2 && auto:
			return usageError{errors.New("a number of nodes and --auto exclude each other")}
		case len(args) == 2:
			n, err := strconv.ParseInt(args[1], 10, 32)
			if err != nil || n < 0 {
				return usageError{fmt.Errorf("%q is no number of nodes", args[1])}
			}
			change["nodes"] = n
		case auto:
			change["nodes"] = nil
		case len(change) == 0:
			return usageError{errors.New("say what to change: a number of nodes, --auto, --min or --max")}
		}
		c, err := client()
		if err != nil {
			return err
		}
		return a.scale(cmd.Context(), c, args[0], change, dryRun)
	}
	return cmd
}

func (a *app) scale(ctx context.Context, c rest.Interface, name string, change map[string]any, dryRun bool) error {
	var p v1alpha1.NodePool
	if err := c.Get().Resource("nodepools").Name(name).Do(ctx).Into(&p); err != nil {
		return fmt.Errorf("scale node pool %s: %w", name, err)
	}
	before := sizes(&p)
	body, err := json.Marshal(map[string]any{"spec": change})
	if err != nil {
		return err
	}
	request := c.Patch(types.MergePatchType).Resource("nodepools").Name(name).Body(body)
	if dryRun {
		request.Param("dryRun", "All")
	}
	p = v1alpha1.NodePool{} // what is decoded into it does not clear what is there
	if err := request.Do(ctx).Into(&p); err != nil {
		return fmt.Errorf("scale node pool %s: %w", name, err)
	}
	if n := p.Spec.Nodes; n != nil && (*n < p.Spec.Min || *n > p.Spec.Max) {
		a.note("%d is outside of min and max; the nearer of them counts", *n)
	}
	verb := "is"
	if dryRun {
		verb = "would be"
	}
	a.printf("Node pool %s was %s, and %s %s.\n", name, before, verb, sizes(&p))
	return nil
}

func sizes(p *v1alpha1.NodePool) string {
	if p.Spec.Nodes != nil {
		return fmt.Sprintf("fixed at %d (min %d, max %d)", *p.Spec.Nodes, p.Spec.Min, p.Spec.Max)
	}
	return fmt.Sprintf("min %d, max %d", p.Spec.Min, p.Spec.Max)
}
