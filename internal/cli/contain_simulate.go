package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/admin"
	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/contain"
	"github.com/bulkhead-k8s/bulkhead/internal/contain/replay"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
	"github.com/bulkhead-k8s/bulkhead/internal/incident"
	"github.com/bulkhead-k8s/bulkhead/internal/journal"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

func (a *app) containSimulate() *cobra.Command {
	var policyFiles []string
	var file string
	var since, until moment
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Play the journal back, and show what would have been held with another policy",
		Long: `Play records of the past back, and show what would have been held when, and why, with
the policies of a file instead of those of the cluster. It changes nothing. The
records stay what they are: what a brake would have prevented happens in them all the
same.

The records are those of this machine's cluster, of an export (bulkhead journal
export) or of a journal's folder whose daemon does not run.`,
		Example: a.text(`  bulkhead contain simulate --since 2h
  bulkhead contain simulate --policy strict.yaml --filename journal.jsonl.zst`),
		Args: a.noArgs,
	}
	load := a.locate(cmd)
	cmd.Flags().StringArrayVar(&policyFiles, "policy", nil, "YAML file with ContainmentPolicies (default: the built-in one; repeatable)")
	cmd.Flags().StringVarP(&file, "filename", "f", "", "export or folder of a journal; - is standard input")
	cmd.Flags().Var(&since, "since", "leave out what was before this time, as 2h or 10:42")
	cmd.Flags().Var(&until, "until", "leave out what was after this time")
	output := addOutput(cmd, table, asJSON, asYAML)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var policies []v1alpha1.ContainmentPolicy
		for _, f := range policyFiles {
			read, err := readPolicies(f)
			if err != nil {
				return err
			}
			policies = append(policies, read...)
		}
		player, err := replay.New(&follower{}, policies)
		if err != nil {
			return usageError{err}
		}
		c, err := load()
		if err != nil {
			return err
		}
		if err := a.play(cmd.Context(), c, file, admin.ExportRequest{From: since.time, To: until.time}, player); err != nil {
			return err
		}
		return a.printSimulation(*output, player)
	}
	return cmd
}

// follower diagnoses what is played.
type follower struct{ incident.Replay }

func (f *follower) Verdict(now time.Time) (*model.Model, []v1alpha1.Incident) {
	m, entries := f.Replay.Verdict(now)
	out := make([]v1alpha1.Incident, len(entries))
	for i := range entries {
		out[i] = entries[i].Incident
	}
	return m, out
}

// readPolicies reads the ContainmentPolicies of a file.
func readPolicies(path string) ([]v1alpha1.ContainmentPolicy, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read policies: %w", err)
	}
	defer file.Close()
	var out []v1alpha1.ContainmentPolicy
	documents := utilyaml.NewYAMLReader(bufio.NewReader(file))
	for {
		data, err := documents.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read policies of %s: %w", path, err)
		}
		var p v1alpha1.ContainmentPolicy
		if err := yaml.UnmarshalStrict(data, &p); err != nil {
			return nil, usageError{fmt.Errorf("read policies of %s: %w", path, err)}
		}
		if p.Kind == "" && p.Name == "" {
			continue // an empty document
		}
		if p.Kind != "ContainmentPolicy" || p.APIVersion != v1alpha1.GroupVersion.String() {
			return nil, usageError{fmt.Errorf("%s has a %s %s; want a ContainmentPolicy of %s", path, p.APIVersion, p.Kind, v1alpha1.GroupVersion)}
		}
		out = append(out, p)
	}
	if len(out) == 0 {
		return nil, usageError{fmt.Errorf("%s has no ContainmentPolicy", path)}
	}
	return out, nil
}

// play gives the wanted records to the player.
func (a *app) play(ctx context.Context, c *config.Config, file string, r admin.ExportRequest, p *replay.Player) error {
	read := func(in io.Reader) error {
		_, err := journal.ReadExport(in, func(rec record.Record) error {
			if rec.Time.Before(r.From) || !r.To.IsZero() && rec.Time.After(r.To) {
				return ctx.Err()
			}
			return errors.Join(p.Add(rec), ctx.Err())
		})
		return err
	}
	switch info, err := os.Stat(file); {
	case file == "":
		return a.playDaemon(ctx, c, r, read)
	case file == "-":
		return read(a.in)
	case err != nil:
		return fmt.Errorf("read the journal: %w", err)
	case info.IsDir():
		return playFolder(ctx, file, r, p)
	}
	in, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	defer in.Close()
	if err := read(in); err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	return nil
}

// playDaemon plays what the daemon of this machine exports.
func (a *app) playDaemon(ctx context.Context, c *config.Config, r admin.ExportRequest, read func(io.Reader) error) error {
	client := a.client(c)
	defer client.Close()
	from, to := io.Pipe()
	exported := make(chan error, 1)
	go func() {
		err := client.ExportJournal(ctx, to, r)
		exported <- err
		_ = to.CloseWithError(err) // never fails
	}()
	err := read(from)
	_ = from.Close() // never fails
	if exportErr := <-exported; exportErr != nil && !errors.Is(exportErr, io.ErrClosedPipe) {
		return exportErr
	}
	return err
}

// playFolder plays the journal of a daemon that does not run.
func playFolder(ctx context.Context, dir string, r admin.ExportRequest, p *replay.Player) error {
	j, err := journal.Open(dir, journal.Options{MaxAge: -1, MaxBytes: 1 << 62})
	if err != nil {
		return err
	}
	for rec, err := range j.Query(ctx, journal.Filter{From: r.From, To: r.To}) {
		if d := (*journal.Damage)(nil); errors.As(err, &d) {
			continue // what is whole is played
		}
		if err == nil {
			err = p.Add(rec)
		}
		if err != nil {
			return errors.Join(err, j.Close())
		}
	}
	return j.Close()
}

func (a *app) printSimulation(f format, p *replay.Player) error {
	steps := p.Steps()
	if f != table {
		if steps == nil {
			steps = []replay.Step{}
		}
		return printAs(a.out, f, map[string]any{"steps": steps, "from": p.First, "to": p.Last})
	}
	if p.First.IsZero() {
		return errors.New("there are no records of that time")
	}
	t := tabwriter.NewWriter(a.out, 0, 8, 3, ' ', 0)
	began, act := 0, 0
	for _, s := range steps {
		if s.Verb == contain.Prolong {
			continue
		}
		if s.Verb == contain.Hold {
			began++
			if s.Brake.Spec.Mode == v1alpha1.ModeAct {
				act++
			}
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", s.Time.Local().Format("2006-01-02 15:04:05"), s.Verb, s.Brake.Spec.Mode, s.Brake.Spec.Action, refName(s.Brake.Spec.Target), s.Message)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	span := fmt.Sprintf("from %s to %s", utcText(p.First), utcText(p.Last))
	if began == 0 {
		a.printf("Nothing would have been held %s.\n", span)
		return nil
	}
	a.printf("%d holds would have begun %s, %d of them in the mode Act.\n", began, span, act)
	return nil
}
