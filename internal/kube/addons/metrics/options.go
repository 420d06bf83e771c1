package metrics

import (
	"errors"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/metrics-server/pkg/scraper/client"
)

// Options configure the server.
type Options struct {
	// RestConfig reaches the API server. Required.
	RestConfig *rest.Config
	// Kubelet is the identity that kubelets are asked with, and the authority
	// that signed their serving certificates. Default: those of RestConfig.
	Kubelet *rest.TLSClientConfig
	// Resolution is the time between two scrapes, at least 10 s. Default 15 s.
	Resolution time.Duration
	// Source takes the place of the kubelets, where there are none. Default nil:
	// the kubelets are asked over HTTPS, at their nodes' InternalIP.
	Source client.KubeletMetricsGetter
}

func (o Options) complete() (Options, error) {
	if o.RestConfig == nil {
		return o, errors.New("metrics server: Options.RestConfig is not set")
	}
	if o.Resolution == 0 {
		o.Resolution = 15 * time.Second
	}
	if o.Resolution < 10*time.Second {
		// The kubelet itself measures no more often.
		return o, errors.New("metrics server: Options.Resolution is below 10s")
	}
	if o.Kubelet == nil {
		tls := o.RestConfig.TLSClientConfig
		tls.ServerName = "" // is that of the API server
		tls.NextProtos = nil
		o.Kubelet = &tls
	}
	o.RestConfig = rest.CopyConfig(o.RestConfig)
	o.RestConfig.ContentType = "application/vnd.kubernetes.protobuf"
	o.RestConfig.QPS = -1 // the API server's own fairness is the limit
	o.RestConfig.UserAgent = "bulkhead-metrics-server"
	return o, nil
}
