package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/user"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/contain/store"
)

func (a *app) contain() *cobra.Command {
	return a.family(&cobra.Command{
		Use:   "contain",
		Short: "See, explain, release and try what keeps failures from spreading",
		Long: `See what the containment holds: automatic actions on a workload that fails for its
own reasons, and on the nodes that fall ill after it. docs/containment.md explains
brakes and policies.`,
		Example: a.text(`  bulkhead contain list
  bulkhead contain explain scaleup-web-1a2b3c4d
  bulkhead contain release scaleup-web-1a2b3c4d
  bulkhead contain simulate --policy strict.yaml --since 2h`),
	}, a.containList(), a.containExplain(), a.containRelease(), a.containSimulate())
}

// brakesOf declares the flags that say which cluster is meant, and returns how to
// reach its brakes.
func (a *app) brakesOf(cmd *cobra.Command) func() (*store.API, error) {
	access := a.clusterOf(cmd)
	return func() (*store.API, error) {
		c, err := access()
		if err != nil {
			return nil, err
		}
		return store.New(c)
	}
}

func (a *app) containList() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the brakes that hold, or would hold",
		Example: a.text(`  bulkhead contain list
  bulkhead contain list --all -o json`),
		Args: a.noArgs,
	}
	connect := a.brakesOf(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "list also those that are over or released")
	output := addOutput(cmd, table, asJSON, asYAML)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		api, err := connect()
		if err != nil {
			return err
		}
		brakes, err := api.Brakes(cmd.Context())
		if err != nil {
			return err
		}
		now := time.Now()
		if !all {
			brakes = slices.DeleteFunc(brakes, func(b v1alpha1.Brake) bool { return !b.Active(now) })
		}
		if *output != table {
			return printAs(a.out, *output, brakes)
		}
		if len(brakes) == 0 {
			a.printf("Nothing is held.\n")
			return nil
		}
		return writeBrakes(a.out, brakes, now)
	}
	return cmd
}

func writeBrakes(w io.Writer, brakes []v1alpha1.Brake, now time.Time) error {
	t := tabwriter.NewWriter(w, 0, 8, 3, ' ', 0)
	fmt.Fprintln(t, "NAME\tACTION\tTARGET\tSTATE\tSINCE\tUNTIL\tHELD\tREASON")
	for i := range brakes {
		b := &brakes[i]
		since := "-"
		if s := b.Status.Since; s != nil {
			since = s.Local().Format("15:04:05")
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", b.Name, b.Spec.Action, refName(b.Spec.Target), brakeState(b, now), since, b.Spec.Until.Local().Format("15:04:05"), b.Status.Held, b.Spec.Reason)
	}
	return t.Flush()
}

// brakeState says in a word or two what a brake does.
func brakeState(b *v1alpha1.Brake, now time.Time) string {
	switch {
	case b.Spec.Release != nil:
		return "released"
	case !b.Active(now):
		return "over"
	case b.Holds(now):
		return "holds"
	case b.Spec.Mode == v1alpha1.ModeAdvise:
		return "advised"
	}
	return "observed"
}

// refName is how a person writes an object.
func refName(o v1alpha1.ObjectRef) string {
	if o == (v1alpha1.ObjectRef{}) {
		return "everything"
	}
	s := strings.ToLower(o.Kind) + "/" + o.Name
	if o.Namespace != "" {
		s += " -n " + o.Namespace
	}
	return s
}

func (a *app) containExplain() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "explain BRAKE",
		Short:   "Say why something is held, what that stopped and changed, and how to end it",
		Example: a.text("  bulkhead contain explain scaleup-web-1a2b3c4d"),
		Args:    a.args(cobra.ExactArgs(1)),
	}
	connect := a.brakesOf(cmd)
	cmd.ValidArgsFunction = completeBrakes(connect)
	output := addOutput(cmd, asStory, asJSON, asYAML)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		api, err := connect()
		if err != nil {
			return err
		}
		b, err := api.Brake(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if *output != asStory {
			return printAs(a.out, *output, b)
		}
		explainBrake(a.out, b, time.Now(), a.name)
		return nil
	}
	return cmd
}

// explainBrake tells all that is known of a brake.
func explainBrake(w io.Writer, b *v1alpha1.Brake, now time.Time, program string) {
	say := func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
	states := map[string]string{
		"holds": "is held", "advised": "would be held (it is only advised)", "observed": "would be held (it is only observed)",
		"released": "was held, and released", "over": "was held",
	}
	say("%s of %s %s.", b.Spec.Action, refName(b.Spec.Target), states[brakeState(b, now)])
	if b.Spec.Message != "" {
		say("  %s", b.Spec.Message)
	}
	policy := "the built-in policy"
	if b.Spec.Policy != "" {
		policy = "policy " + b.Spec.Policy
	}
	if b.Status.Since != nil {
		say("Since %s, until %s. Asked for by %s under %s (%s).", utcText(b.Status.Since.Time), utcText(b.Spec.Until.Time), b.Spec.RequestedBy, policy, b.Spec.Reason)
	} else {
		say("Until %s. Asked for by %s (%s).", utcText(b.Spec.Until.Time), b.Spec.RequestedBy, b.Spec.Reason)
	}
	for n, e := range b.Status.Evidence {
		lead := "We know from"
		if n > 0 {
			lead = "and from"
		}
		say("  %s the %s: %s", lead, e.Kind, e.Message)
	}
	if in := b.Spec.Incident; in != nil {
		say("Incident: %s in %s (`%s why` tells its story).", in.Name, in.Namespace, program)
	}
	if b.Status.Held > 0 && b.Status.LastHeld != nil {
		say("It stopped something %d times, last at %s: %s.", b.Status.Held, utcText(b.Status.LastHeld.Time), strings.TrimSuffix(b.Status.LastHeldAction, "."))
	}
	for _, u := range b.Status.Undo {
		say("It changed %s: %s. To take that back by hand: %s", refName(u.Object), u.Done, undoText(u))
	}
	for _, c := range b.Status.Conditions {
		say("%s is %s since %s: %s", c.Type, c.Status, utcText(c.LastTransitionTime.Time), c.Message)
	}
	if r := b.Spec.Release; r != nil {
		say("Released by %s at %s.", r.By, utcText(r.At.Time))
	} else if b.Active(now) {
		say("To end it and take back what it changed:\n  $ %s contain release %s", program, b.Name)
	}
}

func utcText(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func undoText(u v1alpha1.Undo) string {
	on := strings.SplitN(u.Resource, ".", 2)[0] + " " + u.Object.Name
	if u.Object.Namespace != "" {
		on += " -n " + u.Object.Namespace
	}
	if u.Patch == "" {
		return "kubectl delete " + on
	}
	return "kubectl patch " + on + " --type merge -p '" + u.Patch + "'"
}

func (a *app) containRelease() *cobra.Command {
	var all, dryRun bool
	var by string
	cmd := &cobra.Command{
		Use:   "release BRAKE...",
		Short: "End brakes before their time, and take back what they changed",
		Long: `End brakes before their time. What they changed is taken back, and as long as their
incident lasts, the same is not held again.`,
		Example: a.text(`  bulkhead contain release scaleup-web-1a2b3c4d
  bulkhead contain release --all --dry-run`),
	}
	connect := a.brakesOf(cmd)
	cmd.ValidArgsFunction = completeBrakes(connect)
	cmd.Flags().BoolVar(&all, "all", false, "release all that hold or would hold")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be released")
	cmd.Flags().StringVar(&by, "by", userName(), "who releases it, as the brake will tell")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if all == (len(args) > 0) {
			return usageError{errors.New("name brakes, or give --all; `contain list` has their names")}
		}
		api, err := connect()
		if err != nil {
			return err
		}
		brakes, err := named(cmd.Context(), api, args)
		if err != nil {
			return err
		}
		return a.release(cmd.Context(), api, brakes, by, dryRun)
	}
	return cmd
}

// named are the brakes of these names, or all that are active.
func named(ctx context.Context, api *store.API, names []string) ([]v1alpha1.Brake, error) {
	if len(names) == 0 {
		all, err := api.Brakes(ctx)
		now := time.Now()
		return slices.DeleteFunc(all, func(b v1alpha1.Brake) bool { return !b.Active(now) }), err
	}
	var out []v1alpha1.Brake
	for _, n := range names {
		b, err := api.Brake(ctx, n)
		if err != nil {
			return nil, err
		}
		out = append(out, *b)
	}
	return out, nil
}

func (a *app) release(ctx context.Context, api *store.API, brakes []v1alpha1.Brake, by string, dryRun bool) error {
	now := time.Now()
	for i := range brakes {
		b := &brakes[i]
		what := fmt.Sprintf("%s: %s of %s", b.Name, b.Spec.Action, refName(b.Spec.Target))
		switch {
		case !b.Active(now):
			a.printf("%s is held no more\n", what)
			continue
		case dryRun:
			a.printf("%s would be released\n", what)
		default:
			if err := api.Release(ctx, b.Name, by, now); err != nil {
				return err
			}
			a.printf("%s is released\n", what)
		}
		for _, u := range b.Status.Undo {
			a.printf("  taken back: %s: %s\n", refName(u.Object), u.Done)
		}
	}
	return nil
}

func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

func completeBrakes(connect func() (*store.API, error)) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		api, err := connect()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), 2*time.Second)
		defer cancel()
		brakes, err := api.Brakes(ctx)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		var names []string
		for i := range brakes {
			names = append(names, brakes[i].Name)
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
