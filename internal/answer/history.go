package answer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/admin"
	"github.com/bulkhead-k8s/bulkhead/internal/journal"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/history"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// History tells how an object was at a time, or what happened to it.
func (a *Answerer) History(ctx context.Context, r admin.HistoryRequest) (admin.HistoryReply, error) {
	ref := refOf(r.Object)
	if !r.At.IsZero() {
		v, ok, err := history.At(ctx, a.Journal, ref, r.At)
		reply := admin.HistoryReply{Time: v.Time}
		if ok {
			reply.State = v.State
		}
		return reply, err
	}
	changes, err := history.Changes(ctx, a.Journal, ref, r.From, time.Time{})
	var reply admin.HistoryReply
	if d := (*journal.Damage)(nil); errors.As(err, &d) {
		reply.Note = err.Error()
	} else if err != nil {
		return reply, err
	}
	for _, c := range changes {
		reply.Steps = append(reply.Steps, stepOf(c))
	}
	events, err := a.events(ctx, ref, r.From)
	if err != nil {
		return reply, err
	}
	reply.Steps = append(reply.Steps, events...)
	slices.SortStableFunc(reply.Steps, func(a, b admin.HistoryStep) int { return a.Time.Compare(b.Time) })
	return reply, nil
}

func stepOf(c history.Change) admin.HistoryStep {
	s := admin.HistoryStep{Time: c.Time, What: "changed"}
	switch {
	case c.Created:
		s.What = "created"
	case c.Deleted:
		s.What = "deleted"
	case c.Unknown:
		s.Text = "what it was before is no longer kept"
	}
	var paths []string
	for _, e := range c.Edits {
		s.Edits = append(s.Edits, admin.HistoryEdit{Path: e.Path, Old: e.Old, New: e.New})
		paths = append(paths, short(e))
	}
	if len(paths) > 0 {
		s.Text = strings.Join(paths, "; ")
	}
	return s
}

// short is an edit in a few words: its value where that is short.
func short(e history.Edit) string {
	if len(e.Old)+len(e.New) <= 60 && e.Old != "" && e.New != "" {
		return e.Path + ": " + e.Old + " -> " + e.New
	}
	return e.Path
}

// happenings are the types of records that say what happened to an object.
var happenings = []record.Type{
	record.TypeEvent, record.TypeExit, record.TypeOOMKill, record.TypeCoreDump, record.TypeStop, record.TypePull,
	record.TypeAction, record.TypeSummary,
}

func (a *Answerer) events(ctx context.Context, ref record.Ref, from time.Time) ([]admin.HistoryStep, error) {
	var out []admin.HistoryStep
	for r, err := range a.Journal.Query(ctx, journal.Filter{Object: ref, From: from, Types: happenings}) {
		if d := (*journal.Damage)(nil); errors.As(err, &d) {
			break // the changes have told it
		}
		if err != nil {
			return nil, fmt.Errorf("history of %s: %w", ref, err)
		}
		if text := sentence(r.Payload); text != "" {
			out = append(out, admin.HistoryStep{Time: r.Time, What: string(r.Type()), Text: text})
		}
	}
	return out, nil
}

// sentence says in one line what a record has.
func sentence(p record.Payload) string {
	switch p := p.(type) {
	case *record.Event:
		s := p.Kind + " " + p.Reason + ": " + strings.Join(strings.Fields(p.Message), " ")
		if p.Count > 1 {
			s += fmt.Sprintf(" (%d times)", p.Count)
		}
		return s
	case *record.Exit:
		s := fmt.Sprintf("container %s ended with code %d", p.Container, p.Code)
		if p.Signal != 0 {
			s = fmt.Sprintf("container %s was ended by signal %d", p.Container, p.Signal)
		}
		if p.Reason != "" && p.Reason != "Error" && p.Reason != "Completed" {
			s += " (" + p.Reason + ")"
		}
		return s
	case *record.OOMKill:
		return fmt.Sprintf("the kernel ended %s of container %s for want of memory", p.Executable, p.Container)
	case *record.CoreDump:
		return fmt.Sprintf("%s of container %s dumped core on signal %d", p.Executable, p.Container, p.Signal)
	case *record.Stop:
		return "all containers of the node ended: " + p.Reason
	case *record.Pull:
		if p.Error != "" {
			return "image " + p.Image + " was not pulled: " + p.Error
		}
		return "image " + p.Image + " was pulled"
	case *record.Action:
		s := p.By + ": " + p.Verb + " " + p.Action
		if p.Mode != "" && p.Mode != "Act" {
			s += " (" + p.Mode + ")"
		}
		return strings.TrimSuffix(s+": "+p.Message, ": ")
	case *record.Summary:
		if p.Sample == nil {
			return ""
		}
		return fmt.Sprintf("%d more of the like until %s: %s", p.Count, p.Last.UTC().Format("15:04:05"), sentence(p.Sample))
	}
	return ""
}
