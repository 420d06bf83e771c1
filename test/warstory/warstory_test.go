package warstory

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/examples/warstory"
	"github.com/bulkhead-k8s/bulkhead/internal/image"
	"github.com/bulkhead-k8s/bulkhead/test/cluster"
)

const (
	testLimit = 12 * time.Minute
	// nameLimit is how long after the first crash the cause may be named: 5 s are
	// promised, on a machine that has nothing else to do.
	nameLimit = 10 * time.Second
	// timeError is by how much the time of the first crash may be wrong.
	timeError = 10 * time.Second
)

// consequences are the facts that the story may only ever call what follows from
// the crash: of nodes, disks and scaling.
var consequences = []string{
	"CoreStorm", "NodeDiskPressure", "NodeMemoryPressure", "NodePIDPressure", "NodeNotReady", "NodeCPUHigh",
	"ScalerFeedsFailure", "ScalerAtMaximum", "ScalerHasNoMetrics", "PodsNotReady", "CrashLoop",
}

func TestWarStory(t *testing.T) {
	c, ctx := cluster.For(t, testLimit, cluster.Options{Label: "bh-war"})
	if err := c.Start(ctx); err != nil {
		t.Fatal(err)
	}
	story, err := warstory.Player{
		Bulkhead: func(ctx context.Context, stdin io.Reader, args ...string) ([]byte, error) {
			return bulkhead(ctx, c, stdin, args...)
		},
		Say:     func(line string) { t.Log(line) },
		Builder: image.Builder{CacheDir: image.DefaultCacheDir(), Logf: t.Logf},
		Limit:   cluster.Patience(3 * time.Minute),
	}.Play(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", story.Text)
	check(t, story)
}

func check(t *testing.T, story warstory.Story) {
	cause := story.Incident.FirstCause
	if cause.Object != (v1alpha1.ObjectRef{Kind: "Deployment", Namespace: warstory.Namespace, Name: warstory.Server}) || cause.Reason != "CrashedBySignal" {
		t.Errorf("the first cause is %s of %+v", cause.Reason, cause.Object)
	}
	// The signal is what the kernel told the container's runtime, too.
	signal := signals[story.Crash.ExitCode-128]
	if signal == "" {
		t.Fatalf("the container ended with exit code %d: that is no crash", story.Crash.ExitCode)
	}
	for _, want := range []string{"container " + warstory.Container + " (/usr/bin/node)", signal, "v8::internal::Uri::Encode"} {
		if !strings.Contains(cause.Message, want) {
			t.Errorf("the cause lacks %q: %s", want, cause.Message)
		}
	}
	if !slices.ContainsFunc(cause.Evidence, func(e v1alpha1.Evidence) bool {
		return e.Kind == "exit" && strings.Contains(e.Message, "stack, innermost first: v8::internal::Isolate::CreateMessageOrAbort, ")
	}) {
		t.Errorf("the stack is not among the evidence: %+v", cause.Evidence)
	}
	if cause.Since == nil || cause.Since.Sub(story.Crash.FinishedAt.Time).Abs() > timeError {
		t.Errorf("it began at %s, and the first container crashed at %s", cause.Since, story.Crash.FinishedAt)
	}
	took := story.Named.Sub(story.Crash.FinishedAt.Time)
	t.Logf("an Incident named the cause %.1f s after the first crash, whose time is known to the second", took.Seconds())
	if took > cluster.Patience(nameLimit) {
		t.Errorf("the cause was named %s after the first crash", took)
	}

	// What follows is in the chain, each link away from the cause; no candidate beside
	// the server's own is better.
	var followed []string
	for _, l := range story.Incident.Chain {
		followed = append(followed, l.ToReason)
	}
	t.Logf("what follows from it: %v", followed)
	if !slices.Contains(followed, "CoreStorm") {
		t.Errorf("the core dumps are not told as a consequence: %v", followed)
	}
	for i, other := range story.Incident.Candidates {
		if i > 0 && slices.Contains(consequences, other.Reason) {
			t.Errorf("%s of %+v is given as a possible first cause", other.Reason, other.Object)
		}
	}
}

// signals are those by which V8 may end a program, as its build has it.
var signals = map[int32]string{4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT"}

// bulkhead runs a command of the CLI in the cluster's network.
func bulkhead(ctx context.Context, c *cluster.Cluster, stdin io.Reader, args ...string) ([]byte, error) {
	at := 1
	if args[0] == "image" {
		at = 2
	}
	command, err := c.Command(ctx, "bulkhead", slices.Concat(args[:at], []string{"--data-dir=" + c.Config.DataDir}, args[at:])...)
	if err != nil {
		return nil, err
	}
	var said bytes.Buffer
	command.Stdin, command.Stderr = stdin, &said
	out, err := command.Output()
	if err != nil {
		err = fmt.Errorf("bulkhead %s: %w: %s", strings.Join(args, " "), err, said.String())
	}
	return out, err
}
