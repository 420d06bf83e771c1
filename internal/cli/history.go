package cli

import (
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/bulkhead-k8s/bulkhead/internal/admin"
)

func (a *app) history() *cobra.Command {
	var namespace string
	var at, since moment
	var diff bool
	cmd := &cobra.Command{
		Use:   "history KIND/NAME",
		Short: "Show how an object was at any time, and what happened to it",
		Long: `Show from the journal what happened to an object of this machine's cluster: its
changes, its Events, the ends of its containers. With --at, show the object as it
was then, also if it is gone since. Of Secrets, the journal has the keys and tells
that a value changed, but has no values.`,
		Example: a.text(`  bulkhead history pod/web-1 -n shop
  bulkhead history deploy/web --diff --since 2h
  bulkhead history deploy/web --at 10:42`),
		Args: a.args(cobra.RangeArgs(1, 2)),
	}
	daemon := a.daemonOf(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&namespace, "namespace", "n", "default", "namespace of the object")
	flags.Var(&at, "at", "show the object as it was at this time, as 10:42 or 30m")
	flags.Var(&since, "since", "leave out what was before this time, as 2h or 10:42")
	flags.BoolVar(&diff, "diff", false, "show each value that changed, before and after")
	output := addOutput(cmd, table, asJSON, asYAML)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ref, kind, err := parseObject(args)
		if err != nil {
			return err
		}
		if kind.Namespaced {
			ref.Namespace = namespace
		}
		if !at.time.IsZero() && (diff || !since.time.IsZero()) {
			return usageError{errors.New("--at shows one state: --diff and --since have no meaning with it")}
		}
		client, err := daemon()
		if err != nil {
			return err
		}
		defer client.Close()
		reply, err := client.History(cmd.Context(), admin.HistoryRequest{
			Object: admin.Object{Group: ref.Group, Kind: ref.Kind, Namespace: ref.Namespace, Name: ref.Name}, At: at.time, From: since.time,
		})
		if err != nil {
			return err
		}
		if reply.Note != "" {
			a.note("%s", reply.Note)
		}
		if !at.time.IsZero() {
			return a.printState(reply, *output, ref.Kind+" "+ref.Name, at.time)
		}
		if *output != table {
			return printAs(a.out, *output, reply.Steps)
		}
		if len(reply.Steps) == 0 {
			return fmt.Errorf("the journal has nothing of %s %s; is --namespace right?", ref.Kind, ref.Name)
		}
		return a.printSteps(reply.Steps, diff)
	}
	return cmd
}

// printState prints the object as it was.
func (a *app) printState(reply admin.HistoryReply, f format, name string, at time.Time) error {
	switch {
	case reply.State == nil && reply.Time.IsZero():
		return fmt.Errorf("the journal knows nothing of %s before %s", name, at.Local().Format("2006-01-02 15:04:05"))
	case reply.State == nil:
		return fmt.Errorf("%s was not there: it was deleted at %s", name, reply.Time.Local().Format("2006-01-02 15:04:05"))
	case f == asJSON:
		_, err := fmt.Fprintf(a.out, "%s\n", reply.State)
		return err
	}
	data, err := yaml.JSONToYAML(reply.State)
	if err != nil {
		return err
	}
	_, err = a.out.Write(data)
	return err
}

// maxLine is how much of a step is printed on a line.
const maxLine = 160

func (a *app) printSteps(steps []admin.HistoryStep, diff bool) error {
	writer := tabwriter.NewWriter(a.out, 0, 8, 3, ' ', 0)
	day := ""
	for _, s := range steps {
		at := s.Time.Local()
		if d := at.Format("2006-01-02"); d != day {
			day = d
			fmt.Fprintf(writer, "%s\n", a.paint(a.out, faint, d))
		}
		text := s.Text
		if diff && len(s.Edits) > 0 {
			text = ""
		}
		if r := []rune(text); len(r) > maxLine {
			text = string(r[:maxLine-1]) + "…"
		}
		fmt.Fprintf(writer, "%s\t%s\t%s\n", at.Format("15:04:05.000"), s.What, text)
		if !diff {
			continue
		}
		for _, e := range s.Edits {
			fmt.Fprintf(writer, "\t\t%s\n", e.Path)
			if e.Old != "" {
				fmt.Fprintf(writer, "\t\t  %s\n", a.paint(a.out, red, "- "+e.Old))
			}
			if e.New != "" {
				fmt.Fprintf(writer, "\t\t  %s\n", a.paint(a.out, green, "+ "+e.New))
			}
		}
	}
	return writer.Flush()
}

func (a *app) journal() *cobra.Command {
	return a.family(&cobra.Command{
		Use:   "journal",
		Short: "Export what the journal has",
	}, a.journalExport())
}

func (a *app) journalExport() *cobra.Command {
	var since, until moment
	cmd := &cobra.Command{
		Use:   "export FILE|-",
		Short: "Write the journal's records to a file: JSON lines, compressed with zstd",
		Example: a.text(`  bulkhead journal export --since 2h journal.jsonl.zst
  bulkhead journal export - | zstdcat | jq -c 'select(.type == "exit")'`),
		Args: a.args(cobra.ExactArgs(1)),
	}
	daemon := a.daemonOf(cmd)
	cmd.Flags().Var(&since, "since", "leave out what was before this time, as 2h or 10:42")
	cmd.Flags().Var(&until, "until", "leave out what was after this time")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		client, err := daemon()
		if err != nil {
			return err
		}
		defer client.Close()
		request := admin.ExportRequest{From: since.time, To: until.time}
		if args[0] == "-" {
			return client.ExportJournal(cmd.Context(), a.out, request)
		}
		file, err := os.Create(args[0])
		if err != nil {
			return fmt.Errorf("export the journal: %w", err)
		}
		if err := errors.Join(client.ExportJournal(cmd.Context(), file, request), file.Close()); err != nil {
			return errors.Join(err, os.Remove(args[0])) // half an export looks like a whole one
		}
		return nil
	}
	return cmd
}
