package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/resource"
)

// The formats of why.
const (
	asStory format = "story"
	asTree  format = "tree"
	asHTML  format = "html"
)

// whyFlags are the command line of why.
type whyFlags struct {
	namespace, dump     string
	kubeconfig, context string
	resources           []string
	since, at           moment
	watch, exitCode     bool
	output              *format

	object record.Ref // the zero Ref asks for all
	kind   resource.Kind
}

func (a *app) why() *cobra.Command {
	f := &whyFlags{}
	cmd := &cobra.Command{
		Use:   "why [KIND/NAME] [DUMP]",
		Short: "Say what failed first, how it spread, and what to do",
		Long: `Say what failed first, since when and how that is known, how it spread, who is hit,
what it is not, and what to do: of all that fails now, worst first, or of one object.

It looks, in this order, at what --filename names (or a path among the words): a
folder, an archive or a file with what kubectl printed; at the cluster of
--kubeconfig or --context; at this machine's cluster with its journal; at the
cluster of the current kubeconfig.

Exit codes: 0 the question is answered, also if nothing is failing; 1 it could not
be answered, or with --exit-code: something is failing; 2 the command line makes no
sense.`,
		Example: a.text(`  bulkhead why
  bulkhead why deploy/web -n shop --since 2h
  bulkhead why pod/web-1 --at 10:42
  bulkhead why -f dump.tar.gz -o html > why.html
  kubectl get pods,events -A -o wide | bulkhead why -f -`),
		Args: a.args(cobra.MaximumNArgs(3)),
	}
	load := a.locate(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&f.namespace, "namespace", "n", "", "namespace of the object")
	flags.StringVarP(&f.dump, "filename", "f", "", "folder, archive or file with what kubectl printed; - is standard input")
	flags.StringVar(&f.kubeconfig, "kubeconfig", "", "kubeconfig of the cluster to look at")
	flags.StringVar(&f.context, "context", "", "context of the kubeconfig")
	flags.StringArrayVar(&f.resources, "resource", nil, "further kind to look at in a cluster, as widgets.example.com (repeatable)")
	flags.Var(&f.since, "since", "tell also what ended after this time, as 2h or 10:42")
	flags.Var(&f.at, "at", "tell how it was at this time, as 10:42 or 30m")
	flags.BoolVarP(&f.watch, "watch", "w", false, "go on, and tell anew when the answer changes")
	flags.BoolVar(&f.exitCode, "exit-code", false, "end with code 1 if something is failing")
	f.output = addOutput(cmd, asStory, asTree, asJSON, asYAML, asHTML)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := f.words(args); err != nil {
			return err
		}
		source, err := a.whySource(cmd, f, load)
		if err != nil {
			return err
		}
		defer source.close()
		if f.watch {
			return a.watchWhy(cmd.Context(), f, source)
		}
		v, err := source.ask(cmd.Context(), f)
		if err != nil {
			return err
		}
		a.tellNotes(v)
		if err := a.printVerdict(f, v); err != nil {
			return err
		}
		if f.exitCode && len(v.incidents) > 0 {
			return codeError(exitFailed)
		}
		return nil
	}
	return cmd
}

// words sorts the command line's words: a path that exists is a dump, the rest is
// an object.
func (f *whyFlags) words(args []string) error {
	if f.dump == "" {
		if n := slices.IndexFunc(args, exists); n >= 0 {
			f.dump = args[n]
			args = slices.Delete(slices.Clone(args), n, n+1)
		}
	}
	if len(args) > 0 {
		var err error
		if f.object, f.kind, err = parseObject(args); err != nil {
			return err
		}
		if f.kind.Namespaced {
			f.object.Namespace = f.namespace
		}
	}
	switch {
	case f.dump != "" && (f.kubeconfig != "" || f.context != ""):
		return usageError{errors.New("--filename and a cluster exclude each other")}
	case f.dump != "" && f.watch:
		return usageError{errors.New("--watch needs a cluster: a dump does not change")}
	case f.watch && !f.at.time.IsZero():
		return usageError{errors.New("--watch and --at exclude each other: the past does not change")}
	case f.watch && *f.output == asHTML:
		return usageError{errors.New("--watch writes no HTML")}
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// whySource is where an answer comes from.
type whySource interface {
	ask(ctx context.Context, f *whyFlags) (*verdict, error)
	// close lets go of connections.
	close()
}

// tellNotes says beside the result what could not be seen.
func (a *app) tellNotes(v *verdict) {
	for n, note := range v.notes {
		if n == maxNotes {
			a.note("and %d more of the like", len(v.notes)-n)
			return
		}
		if len(note) > maxNote {
			note = note[:maxNote] + "…"
		}
		a.note("%s", strings.ToValidUTF8(note, ""))
	}
}

const maxNotes, maxNote = 5, 300

// unknownObject says that nothing is known of what was asked about.
func unknownObject(f *whyFlags) string {
	s := fmt.Sprintf("nothing is known of %s %s", f.kind.Kind, f.object.Name)
	if f.object.Namespace != "" {
		s += " in namespace " + f.object.Namespace
	}
	return s
}
