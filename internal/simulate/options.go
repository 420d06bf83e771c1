package simulate

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"k8s.io/client-go/rest"
)

// Options configure a simulation.
type Options struct {
	// RestConfig reaches the API server. Required.
	RestConfig *rest.Config
	// Nodes is how many nodes are made at the start. Default 3. Nodes that
	// others make with the label LabelSimulated are played, too.
	Nodes int
	// OthersOnly makes no nodes and plays those that others make.
	OthersOnly bool
	// Prefix begins the nodes' names; a number follows. Default "simulated-".
	Prefix string
	// PodCIDR is where pods' addresses are from. Default 10.42.0.0/16.
	PodCIDR netip.Prefix
	// JobDuration is how long pods of Jobs run before they succeed. Default 1 s.
	JobDuration time.Duration
	// RenewInterval is how often each node's Lease is renewed, or half as often
	// from 200 nodes on; the controller manager takes a node for lost after
	// 50 s. Default 10 s.
	RenewInterval time.Duration
	// Workers is how many pods are written at once. Default 16.
	Workers int
}

func (o Options) complete() (Options, error) {
	if o.RestConfig == nil {
		return o, errors.New("simulation: Options.RestConfig is not set")
	}
	if o.Nodes < 0 || o.Nodes > maxNodes {
		return o, fmt.Errorf("simulation: %d nodes: want 1 to %d", o.Nodes, maxNodes)
	}
	switch {
	case o.OthersOnly:
		o.Nodes = 0
	case o.Nodes == 0:
		o.Nodes = 3
	}
	if o.Prefix == "" {
		o.Prefix = "simulated-"
	}
	if !o.PodCIDR.IsValid() {
		o.PodCIDR = netip.MustParsePrefix("10.42.0.0/16")
	}
	if o.JobDuration == 0 {
		o.JobDuration = time.Second
	}
	if o.RenewInterval == 0 {
		o.RenewInterval = 10 * time.Second
	}
	if o.Workers == 0 {
		o.Workers = 16
	}
	o.RestConfig = rest.CopyConfig(o.RestConfig)
	o.RestConfig.ContentType = "application/vnd.kubernetes.protobuf"
	o.RestConfig.QPS = -1 // the API server's own fairness is the limit
	o.RestConfig.UserAgent = "bulkhead-simulate"
	return o, nil
}
