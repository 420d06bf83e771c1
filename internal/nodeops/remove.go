package nodeops

import (
	"context"
	"fmt"
	"slices"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// Remove drains a node that still answers, and deletes it. Its machine, if it runs,
// stops its pods when it learns of that; one that does not run is refused when it
// comes back.
func Remove(ctx context.Context, client kubernetes.Interface, name string, o DrainOptions) error {
	node, err := get(ctx, client, name)
	if err != nil {
		return err
	}
	if is, err := runsServer(ctx, client, node); err != nil {
		return err
	} else if is {
		return fmt.Errorf("node %s runs the server of this cluster, which would end with it; `bulkhead reset` on that machine removes all", name)
	}
	if Ready(node) {
		if err := Drain(ctx, client, name, o); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(o.Out, "node %s is not ready: its pods are deleted with it\n", name)
	}
	if o.DryRun {
		fmt.Fprintf(o.Out, "node %s would be removed\n", name)
		return nil
	}
	// The very node that was drained, not one that has joined by its name since.
	precondition := metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &node.UID}}
	if err := client.CoreV1().Nodes().Delete(ctx, name, precondition); err != nil {
		return fmt.Errorf("remove node %s: %w", name, err)
	}
	fmt.Fprintf(o.Out, "node %s removed\n", name)
	return nil
}

// Ready says whether a node reports to be.
func Ready(node *v1.Node) bool {
	return slices.ContainsFunc(node.Status.Conditions, func(c v1.NodeCondition) bool {
		return c.Type == v1.NodeReady && c.Status == v1.ConditionTrue
	})
}

// runsServer says whether the Service kubernetes leads to a node.
func runsServer(ctx context.Context, client kubernetes.Interface, node *v1.Node) (bool, error) {
	published, err := client.DiscoveryV1().EndpointSlices(metav1.NamespaceDefault).List(ctx, metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=kubernetes"})
	if err != nil {
		return false, fmt.Errorf("find the server: %w", err)
	}
	for _, slice := range published.Items {
		for _, endpoint := range slice.Endpoints {
			for _, address := range node.Status.Addresses {
				if slices.Contains(endpoint.Addresses, address.Address) {
					return true, nil
				}
			}
		}
	}
	return false, nil
}
