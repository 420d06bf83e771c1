package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/page"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/story"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// printVerdict prints an answer in the format asked for.
func (a *app) printVerdict(f *whyFlags, v *verdict) error { return writeVerdict(a.out, f, v) }

func writeVerdict(w io.Writer, f *whyFlags, v *verdict) error {
	switch *f.output {
	case asJSON, asYAML:
		incidents := v.incidents
		if incidents == nil {
			incidents = []v1alpha1.IncidentStatus{}
		}
		return printAs(w, *f.output, map[string]any{"incidents": incidents})
	case asHTML:
		return page.Write(w, page.Verdict{Incidents: v.incidents, Now: v.now, Last: v.last, Subject: v.subject, Notes: v.notes})
	}
	if len(v.incidents) == 0 && f.object != (record.Ref{}) {
		_, err := fmt.Fprintln(w, fine(f, v))
		return err
	}
	if *f.output == asTree {
		return story.Tree(w, v.incidents)
	}
	return story.Write(w, v.incidents, v.now, v.last)
}

// fine says that nothing is wrong with the object that was asked about.
func fine(f *whyFlags, v *verdict) string {
	if v.unknown {
		return upperFirst(unknownObject(f)) + "."
	}
	s := "Nothing is failing at " + f.kind.Kind + " " + f.object.Name + "."
	if v.last != "" {
		s += " " + v.last
	}
	return s
}

func upperFirst(s string) string { return string(bytes.ToUpper([]byte(s[:1]))) + s[1:] }

// How often a watch asks: the daemon has its answer at hand, another cluster has to
// list everything.
const (
	watchDaemon  = time.Second
	watchCluster = 10 * time.Second
)

// watchWhy prints the answer anew whenever it changes, until it is interrupted.
func (a *app) watchWhy(ctx context.Context, f *whyFlags, source whySource) error {
	every := watchCluster
	if _, ok := source.(daemonSource); ok {
		every = watchDaemon
	}
	told := ""
	for {
		v, err := source.ask(ctx, f)
		if err != nil {
			return err
		}
		now, err := gist(v)
		if err != nil {
			return err
		}
		if now != told {
			if told != "" && *f.output != asJSON {
				a.printf("\n")
			}
			if *f.output == asStory || *f.output == asTree {
				a.printf("%s\n", a.paint(a.out, faint, v.now.Local().Format("15:04:05")))
			}
			if err := a.printVerdict(f, v); err != nil {
				return err
			}
			told = now
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(every):
		}
	}
}

// gist is what of an answer is news when it changes: causes and chains, but not
// counts and ages.
func gist(v *verdict) (string, error) {
	type step struct {
		To     v1alpha1.ObjectRef
		Reason string
	}
	type part struct {
		Object v1alpha1.ObjectRef
		Reason string
		Chain  []step
		Blast  v1alpha1.BlastRadius
	}
	parts := []part{}
	for _, in := range v.incidents {
		p := part{Object: in.FirstCause.Object, Reason: in.FirstCause.Reason, Blast: in.BlastRadius}
		for _, l := range in.Chain {
			p.Chain = append(p.Chain, step{l.To, l.ToReason})
		}
		parts = append(parts, p)
	}
	data, err := json.Marshal(parts)
	return string(data), err
}
