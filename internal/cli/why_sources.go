package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/admin"
	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/story"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/objects"
)

// verdict is an answer of any source.
type verdict struct {
	incidents []v1alpha1.IncidentStatus
	now       time.Time
	last      string // what failed before
	notes     []string
	subject   string
	unknown   bool // nothing is known of the object that was asked about
}

// whySource is the source that the command line chooses.
func (a *app) whySource(cmd *cobra.Command, f *whyFlags, load func() (*config.Config, error)) (whySource, error) {
	if f.dump != "" {
		return dumpSource{a.in}, nil
	}
	if f.kubeconfig != "" || f.context != "" {
		return newClusterSource(f)
	}
	c, err := load()
	if err != nil {
		return nil, err
	}
	client := a.client(c)
	_, err = client.Status(cmd.Context())
	if !errors.Is(err, admin.ErrNotRunning) {
		return daemonSource{client, c}, err
	}
	client.Close()
	if cmd.Flags().Changed("data-dir") || cmd.Flags().Changed("config") {
		return nil, err // that cluster was meant, and no other
	}
	source, clusterErr := newClusterSource(f)
	if clusterErr != nil {
		return nil, fmt.Errorf("%w; and no kubeconfig leads to another cluster (%w); --filename reads a dump", err, clusterErr)
	}
	return source, nil
}

// dumpSource reads what people send.
type dumpSource struct{ in io.Reader }

func (dumpSource) close() {}

func (s dumpSource) ask(ctx context.Context, f *whyFlags) (*verdict, error) {
	read := func() ([]record.Record, dump.Report, error) { return dump.Read(ctx, f.dump) }
	if f.dump == "-" {
		read = func() ([]record.Record, dump.Report, error) { return dump.ReadFrom(ctx, s.in, "standard input") }
	}
	records, report, err := read()
	if err != nil {
		return nil, err
	}
	if len(records) == 0 {
		return nil, fmt.Errorf("%s has nothing that could be read; docs/why.md says what can be", f.dump)
	}
	v := judge(records, f)
	v.subject = f.dump
	for _, d := range report.Damage {
		v.notes = append(v.notes, "not read: "+d.String())
	}
	return v, nil
}

// clusterSource asks any cluster's API.
type clusterSource struct {
	config    *rest.Config
	namespace string
}

func (clusterSource) close() {}

func newClusterSource(f *whyFlags) (whySource, error) {
	c, namespace, err := readKubeconfig(f.kubeconfig, f.context)
	if err != nil {
		return nil, err
	}
	return clusterSource{c, namespace}, nil
}

// readKubeconfig is the way to the cluster of a kubeconfig, empty being the current
// one, and the namespace of its context.
func readKubeconfig(path, kubeContext string) (*rest.Config, string, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = path
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: kubeContext})
	c, err := loader.ClientConfig()
	if err != nil {
		return nil, "", fmt.Errorf("read the kubeconfig: %w", err)
	}
	namespace, _, err := loader.Namespace()
	if err != nil {
		return nil, "", fmt.Errorf("read the kubeconfig: %w", err)
	}
	return c, namespace, nil
}

func (s clusterSource) ask(ctx context.Context, f *whyFlags) (*verdict, error) {
	if !f.at.time.IsZero() {
		return nil, errors.New("only a cluster with a journal knows the past: --at needs the daemon of this machine, or a dump of that time")
	}
	records, report, err := objects.Snapshot(ctx, s.config, objects.SnapshotOptions{Resources: f.resources})
	if err != nil {
		return nil, err
	}
	asked := *f
	if asked.kind.Namespaced && asked.object.Namespace == "" {
		asked.object.Namespace = s.namespace
	}
	v := judge(records, &asked)
	v.now, v.subject = time.Now().UTC(), s.config.Host
	for _, r := range report.Refused {
		v.notes = append(v.notes, fmt.Sprintf("%s cannot be listed: %v", r.Kind, r.Err))
	}
	return v, nil
}

// judge diagnoses records.
func judge(records []record.Record, f *whyFlags) *verdict {
	o := diagnose.Options{Since: f.since.time, Now: f.at.time, Focus: f.object}
	v := &verdict{}
	if o.Focus != (record.Ref{}) {
		o.Focus, v.unknown = place(records, f)
	}
	result := diagnose.Diagnose(slices.Values(records), o)
	v.incidents, v.now = result.Incidents, result.Now
	if l := result.LastClosed; l != nil {
		v.last = story.Over(l.Cause, l.At, result.Now)
	}
	return v
}

// place finds the object's namespace, if none was named and there is one object of
// that name only.
func place(records []record.Record, f *whyFlags) (ref record.Ref, unknown bool) {
	found := map[string]bool{}
	for _, r := range records {
		if r.Object.Kind == f.object.Kind && r.Object.Group == f.object.Group && r.Object.Name == f.object.Name {
			found[r.Object.Namespace] = true
		}
	}
	ref = f.object
	if f.namespace == "" && !found[ref.Namespace] && len(found) == 1 {
		for ref.Namespace = range found {
		}
		return ref, false
	}
	if f.kind.Namespaced && ref.Namespace == "" {
		ref.Namespace = "default"
	}
	return ref, !found[ref.Namespace]
}

// daemonSource asks the daemon of this machine.
type daemonSource struct {
	client *admin.Client
	config *config.Config
}

func (s daemonSource) close() { s.client.Close() }

func (s daemonSource) ask(ctx context.Context, f *whyFlags) (*verdict, error) {
	request := admin.WhyRequest{At: f.at.time, Since: f.since.time}
	if f.object != (record.Ref{}) {
		o := f.object
		if f.kind.Namespaced && o.Namespace == "" {
			o.Namespace = "default"
		}
		request.Object = &admin.Object{Group: o.Group, Kind: o.Kind, Namespace: o.Namespace, Name: o.Name}
	}
	reply, err := s.client.Why(ctx, request)
	if err != nil {
		return nil, err
	}
	v := &verdict{now: reply.Now, notes: reply.Notes, subject: clusterName(s.config), unknown: reply.Unknown}
	if err := json.Unmarshal(reply.Incidents, &v.incidents); err != nil {
		return nil, fmt.Errorf("read the daemon's answer: %w; is it of another version? see `bulkhead version`", err)
	}
	if !reply.LastClosed.IsZero() {
		var cause v1alpha1.Cause
		if err := json.Unmarshal(reply.LastCause, &cause); err != nil {
			return nil, fmt.Errorf("read the daemon's answer: %w", err)
		}
		v.last = story.Over(cause, reply.LastClosed, reply.Now)
	}
	return v, nil
}
