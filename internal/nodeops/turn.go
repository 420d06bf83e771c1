package nodeops

import (
	"context"
	"fmt"
	"strings"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/kubectl/pkg/drain"
)

// Turn says whether it is a node's turn to be upgraded.
type Turn struct {
	// Drain says that its pods have somewhere to go. Where they have not, a
	// restart leaves them running instead.
	Drain bool `json:"drain"`
}

// TurnOptions say how strictly turns are kept.
type TurnOptions struct {
	// Anyway goes on while other nodes are away.
	Anyway bool
	// DryRun cordons nothing.
	DryRun bool
}

// TakeTurn cordons a node whose turn it is. Two that begin at once see each other
// cordoned, and at most one goes on.
func TakeTurn(ctx context.Context, client kubernetes.Interface, name string, o TurnOptions) (Turn, error) {
	turn, err := turnOf(ctx, client, name, o)
	if err != nil || !turn.Drain || o.DryRun {
		return turn, err
	}
	node, err := get(ctx, client, name)
	if err != nil {
		return Turn{}, err
	}
	if err := drain.RunCordonOrUncordon(DrainOptions{}.helper(ctx, client), node, true); err != nil {
		return Turn{}, fmt.Errorf("cordon node %s: %w", name, err)
	}
	if _, err := turnOf(ctx, client, name, o); err != nil {
		_, undo := Uncordon(ctx, client, name, false)
		if undo != nil {
			return Turn{}, fmt.Errorf("%w; and %w", err, undo)
		}
		return Turn{}, err
	}
	return turn, nil
}

func turnOf(ctx context.Context, client kubernetes.Interface, name string, o TurnOptions) (Turn, error) {
	list, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return Turn{}, fmt.Errorf("look at the other nodes: %w", err)
	}
	turn, err := judgeTurn(list.Items, name)
	if o.Anyway {
		err = nil
	}
	return turn, err
}

// judgeTurn decides from all nodes.
func judgeTurn(nodes []v1.Node, name string) (Turn, error) {
	var away []string
	others := 0
	for _, node := range nodes {
		if node.Name == name {
			continue
		}
		switch {
		case !Ready(&node):
			away = append(away, node.Name+" is not ready")
		case node.Spec.Unschedulable:
			away = append(away, node.Name+" is cordoned")
		default:
			others++
		}
	}
	if len(away) > 0 {
		return Turn{Drain: others > 0}, fmt.Errorf("nodes are upgraded one at a time, and %s; mend that first, or use --force", strings.Join(away, ", "))
	}
	return Turn{Drain: others > 0}, nil
}
