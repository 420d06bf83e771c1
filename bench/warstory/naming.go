package main

import (
	"context"
	"encoding/json"
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/examples/warstory"
)

// crashed is the id of the cause that is true: another one that names the server, as
// probes that fail, is not counted.
const crashed = "CrashedBySignal"

// naming is when an Incident has named the server's crash as the first cause, and how.
type naming struct {
	kube  kubernetes.Interface
	named time.Time
	text  string
}

// run asks until one does. Where no Incidents are known, none ever does.
func (n *naming) run(ctx context.Context) {
	tick := time.NewTicker(look / 2)
	defer tick.Stop()
	for n.named.IsZero() {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		data, err := n.kube.Discovery().RESTClient().Get().AbsPath("/apis/bulkhead.dev/v1alpha1/namespaces/" + warstory.Namespace + "/incidents").Do(ctx).Raw()
		var list v1alpha1.IncidentList
		if err != nil || json.Unmarshal(data, &list) != nil {
			continue
		}
		for i := range list.Items {
			cause := list.Items[i].Status.FirstCause
			if cause.Object.Kind == "Deployment" && cause.Object.Name == warstory.Server && cause.Reason == crashed {
				n.named, n.text = time.Now(), cause.Message
				say("named as first cause: deployment/%s %s", cause.Object.Name, cause.Reason)
				return
			}
		}
	}
}
