package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
)

// How often, and how long, the kubelet is asked which pods it has heard of: it
// tells nobody.
const (
	knowsInterval = 100 * time.Millisecond
	knowsLimit    = 10 * time.Second
)

// awaitKnownPods waits until the kubelet has heard of the pods that its node has,
// which after a restart it does up to a second after it reports that the node is
// ready. Until then, it denies that there is a pod to run a command in.
func awaitKnownPods(ctx context.Context, client kubernetes.Interface, node string) {
	err := wait.PollUntilContextTimeout(ctx, knowsInterval, knowsLimit, true, func(ctx context.Context) (bool, error) {
		pods, err := client.CoreV1().Pods("").List(ctx, metav1.ListOptions{
			FieldSelector:   fields.OneTermEqualSelector("spec.nodeName", node).String(),
			ResourceVersion: "0", // from the API server's memory
		})
		if err != nil || len(pods.Items) == 0 {
			return err == nil, nil
		}
		data, err := client.CoreV1().RESTClient().Get().Resource("nodes").Name(node).SubResource("proxy").Suffix("pods").DoRaw(ctx)
		if err != nil {
			return false, nil // it is not so far yet
		}
		var known v1.PodList
		if err := json.Unmarshal(data, &known); err != nil {
			return false, fmt.Errorf("read the kubelet's pods: %w", err)
		}
		return knowsAll(known.Items, pods.Items), nil
	})
	if err != nil && ctx.Err() == nil {
		slog.Warn("the kubelet has not heard of all of its pods", "err", err)
	}
}

// knowsAll says whether the kubelet knows all pods of the API that it may run.
// Static pods have another name for themselves than their mirrors in the API.
func knowsAll(kubelets, pods []v1.Pod) bool {
	known := map[types.UID]bool{}
	for i := range kubelets {
		known[kubelets[i].UID] = true
	}
	for i := range pods {
		pod := &pods[i]
		_, mirror := pod.Annotations[v1.MirrorPodAnnotationKey]
		over := pod.Status.Phase == v1.PodSucceeded || pod.Status.Phase == v1.PodFailed || pod.DeletionTimestamp != nil
		if !known[pod.UID] && !mirror && !over {
			return false
		}
	}
	return true
}
