package daemon

import (
	"context"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/admin"
)

// nodesLimit bounds how long a status waits for the API server.
const nodesLimit = 2 * time.Second

// nodes returns the cluster's nodes, or nil where they cannot be had now.
func (d *Daemon) nodes(ctx context.Context) []admin.Node {
	d.mu.Lock()
	client := d.client
	d.mu.Unlock()
	if client == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, nodesLimit)
	defer cancel()
	// From the API server's memory, by name as it lists them.
	list, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{ResourceVersion: "0"})
	if err != nil {
		return nil
	}
	nodes := make([]admin.Node, 0, len(list.Items))
	for _, node := range list.Items {
		nodes = append(nodes, describe(&node))
	}
	return nodes
}

func describe(node *v1.Node) admin.Node {
	described := admin.Node{
		Name: node.Name, Cordoned: node.Spec.Unschedulable, Version: node.Status.NodeInfo.KubeletVersion,
		Created: node.CreationTimestamp.Time, Message: "it has not reported yet",
	}
	for _, address := range node.Status.Addresses {
		if address.Type == v1.NodeInternalIP && described.Address == "" {
			described.Address = address.Address
		}
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type != v1.NodeReady {
			continue
		}
		described.Ready, described.Message = condition.Status == v1.ConditionTrue, condition.Message
		if described.Ready {
			described.Message = ""
		}
	}
	return described
}
