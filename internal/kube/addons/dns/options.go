package dns

import (
	"errors"
	"fmt"
	"net/netip"

	"k8s.io/client-go/rest"

	"github.com/bulkhead-k8s/bulkhead/internal/kube/addons/dns/address"
)

// Options configure the DNS of one node.
type Options struct {
	// RestConfig reaches the API server. Required.
	RestConfig *rest.Config
	// AppliedElsewhere leaves the Service to the cluster's server.
	AppliedElsewhere bool
	// Addresses are the cluster DNS addresses, one an IP family, such as
	// 10.43.0.10. Required.
	Addresses []netip.Addr
	// Port is what DNS listens on. Default 53.
	Port uint16
	// MetricsPort serves Prometheus metrics on the first address. Default 9153;
	// below zero, none are served.
	MetricsPort int
	// ClusterDomain defaults to cluster.local.
	ClusterDomain string
	// Clients are the ranges besides this node's own addresses that are
	// answered: the pods'. Default: all are answered.
	Clients []netip.Prefix
	// ResolvConf names the servers for everything outside the cluster, and is
	// followed when it changes. Default /etc/resolv.conf.
	ResolvConf string
	// Interface carries the addresses. Default address.DefaultInterface. "-"
	// leaves network interfaces and packet filters alone: the addresses are
	// there.
	Interface string
}

func (o Options) complete() (Options, error) {
	if o.RestConfig == nil {
		return o, errors.New("cluster DNS: Options.RestConfig is not set")
	}
	if len(o.Addresses) == 0 {
		return o, errors.New("cluster DNS: Options.Addresses is empty")
	}
	for _, ip := range o.Addresses {
		if !ip.IsValid() || ip.IsUnspecified() {
			return o, fmt.Errorf("cluster DNS: address %q is not one to listen on", ip)
		}
	}
	if o.Port == 0 {
		o.Port = 53
	}
	if o.MetricsPort == 0 {
		o.MetricsPort = 9153
	}
	if o.ClusterDomain == "" {
		o.ClusterDomain = "cluster.local"
	}
	if o.ResolvConf == "" {
		o.ResolvConf = "/etc/resolv.conf"
	}
	if o.Interface == "" {
		o.Interface = address.DefaultInterface
	}
	o.RestConfig = rest.CopyConfig(o.RestConfig)
	o.RestConfig.ContentType = "application/vnd.kubernetes.protobuf"
	o.RestConfig.QPS = -1 // the API server's own fairness is the limit
	o.RestConfig.UserAgent = "bulkhead-dns"
	return o, nil
}
