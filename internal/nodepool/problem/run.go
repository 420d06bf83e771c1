package problem

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

// Options of Run.
type Options struct {
	Client kubernetes.Interface
	// Node is this node's name.
	Node string
	// Follow calls f for each line of the kernel's log, until ctx ends.
	Follow func(ctx context.Context, f func(at time.Time, text string)) error
	// Probe asks the container runtime whether it answers; nil if there is none.
	Probe func(ctx context.Context) error
	// Every is how often. Default 10 s.
	Every time.Duration
}

const probeTimeout = 10 * time.Second

// Run keeps the conditions of this node until ctx ends. They are written when they
// change, and not as heartbeats: whether this node lives the kubelet says.
func Run(ctx context.Context, o Options) error {
	if o.Every == 0 {
		o.Every = 10 * time.Second
	}
	type line struct {
		at   time.Time
		text string
	}
	lines := make(chan line, 256)
	followed := make(chan error, 1)
	go func() {
		followed <- o.Follow(ctx, func(at time.Time, text string) {
			select {
			case lines <- line{at, text}:
			default: // a flood says the same many times
			}
		})
	}()
	d := NewDetector()
	var written string
	ticker := time.NewTicker(o.Every)
	defer ticker.Stop()
	for {
		now := time.Now()
		select {
		case <-ctx.Done():
			return nil
		case err := <-followed:
			if ctx.Err() == nil {
				return fmt.Errorf("look for problems of this node: %w", err)
			}
			return nil
		case l := <-lines:
			if f := d.Line(l.at, l.text); f != nil {
				slog.Warn("node problem", "reason", f.Reason, "message", f.Message)
				if err := event(ctx, o, f); err != nil {
					slog.Error("a problem of this node is not told", "err", err)
				}
			}
		case now = <-ticker.C:
			if o.Probe != nil {
				limited, cancel := context.WithTimeout(ctx, probeTimeout)
				d.Probe(now, o.Probe(limited))
				cancel()
			}
		}
		patch, key, err := patchOf(d.Conditions(now), now)
		if err != nil || key == written {
			continue
		}
		if _, err := o.Client.CoreV1().Nodes().PatchStatus(ctx, o.Node, patch); err == nil {
			written = key
		} else if ctx.Err() == nil {
			slog.Debug("the conditions of this node are not written yet", "err", err)
		}
	}
}

// patchOf makes a strategic merge patch of conditions. key is the same while they say
// the same.
func patchOf(list []Condition, now time.Time) (patch []byte, key string, err error) {
	var out []corev1.NodeCondition
	for _, c := range list {
		n := corev1.NodeCondition{Type: corev1.NodeConditionType(c.Type), Status: corev1.ConditionFalse, Reason: c.Reason, Message: c.Message,
			LastHeartbeatTime: metav1.NewTime(now), LastTransitionTime: metav1.NewTime(now)}
		if c.Bad {
			n.Status, n.LastTransitionTime = corev1.ConditionTrue, metav1.NewTime(c.Since)
		}
		key += c.Type + string(n.Status) + c.Reason + "\n"
		out = append(out, n)
	}
	patch, err = json.Marshal(map[string]any{"status": map[string]any{"conditions": out}})
	return patch, key, err
}

func event(ctx context.Context, o Options, f *Finding) error {
	at := metav1.NewTime(f.Time)
	_, err := o.Client.CoreV1().Events(metav1.NamespaceDefault).Create(ctx, &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, GenerateName: o.Node + "-"},
		InvolvedObject: corev1.ObjectReference{Kind: "Node", Name: o.Node, UID: types.UID(o.Node)}, // the kubelet's convention for Events of nodes
		Type:           corev1.EventTypeWarning, Reason: f.Reason, Message: f.Message, Source: corev1.EventSource{Component: "bulkhead-node-problems", Host: o.Node},
		ReportingController: "bulkhead-node-problems", FirstTimestamp: at, LastTimestamp: at, Count: 1,
	}, metav1.CreateOptions{})
	return err
}
