package loadbalancer

import (
	"errors"

	"k8s.io/client-go/rest"
)

// Options configure the controller.
type Options struct {
	// RestConfig reaches the API server. Required.
	RestConfig *rest.Config
	// Reserved are ports of the node's addresses that no Service may take, each
	// with what it is for, in the words of an event. Default: DefaultReserved.
	Reserved map[Port]string
}

// DefaultReserved are the ports whose loss would lock people or the cluster out
// of the node.
func DefaultReserved() map[Port]string {
	return map[Port]string{
		TCP(22):    "the node's SSH",
		TCP(6443):  "the API server",
		TCP(10250): "the kubelet",
	}
}

func (o Options) complete() (Options, error) {
	if o.RestConfig == nil {
		return o, errors.New("load balancer: Options.RestConfig is not set")
	}
	if o.Reserved == nil {
		o.Reserved = DefaultReserved()
	}
	o.RestConfig = rest.CopyConfig(o.RestConfig)
	o.RestConfig.ContentType = "application/vnd.kubernetes.protobuf"
	o.RestConfig.QPS = -1 // the API server's own fairness is the limit
	o.RestConfig.UserAgent = "bulkhead-load-balancer"
	return o, nil
}
