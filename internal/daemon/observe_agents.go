package daemon

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/endpoints/request"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/rest"
	"k8s.io/component-base/metrics/legacyregistry"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/kube"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/pki"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/relay"
)

// takeRecords lets the API server take what agents observe on their nodes, from
// those that its authentication knows as nodes.
func (d *Daemon) takeRecords(host *genericapiserver.GenericAPIServer) error {
	host.Handler.NonGoRestfulMux.UnlistedHandle(relay.Path, relay.Handler(nodeOf, func() (*relay.Receiver, error) {
		g, err := d.answers()
		if err != nil {
			return nil, err
		}
		return g.agents, nil
	}))
	return nil
}

// nodeUser is what the name of a node's user begins with
// (https://kubernetes.io/docs/reference/access-authn-authz/node/).
const nodeUser = "system:node:"

// nodeOf is the node that a request is from; empty if it is from nobody's.
func nodeOf(r *http.Request) string {
	asker, ok := request.UserFrom(r.Context())
	if !ok || !slices.Contains(asker.GetGroups(), user.NodesGroup) {
		return ""
	}
	name, isNode := strings.CutPrefix(asker.GetName(), nodeUser)
	if !isNode {
		return ""
	}
	return name
}

// observeAgent observes this agent's node for the server's journal.
func (d *Daemon) observeAgent(options *kube.Options) error {
	if !d.config.Enabled(config.ComponentDiagnosis) {
		d.leaveCores()
		return nil
	}
	access := options.RESTConfig(pki.Bulkhead)
	client, err := rest.HTTPClientFor(access)
	if err != nil {
		return fmt.Errorf("make the client for what is observed: %w", err)
	}
	sender := relay.NewSender(relay.SenderOptions{Post: relay.Poster(client, access.Host)})
	legacyregistry.RawMustRegister(relayCollectors(sender)...)
	d.mu.Lock()
	d.relay = sender
	d.mu.Unlock()
	d.work.Go("observation", func(ctx context.Context) error {
		select {
		case <-d.ready:
		case <-time.After(diagnosisWait):
		case <-ctx.Done():
			return nil
		}
		sending, endSending := context.WithCancel(context.WithoutCancel(ctx))
		var sends sync.WaitGroup
		sends.Go(func() { sender.Run(sending) })
		d.observeNode(ctx, access, sender, func(record.Ref) []record.Ref { return nil }) // the server knows
		<-ctx.Done()
		endSending()
		sends.Wait()
		return nil
	})
	return nil
}

// relayCollectors are the relay's metrics.
func relayCollectors(s *relay.Sender) []prometheus.Collector {
	counter := func(name, help string, f func(relay.SenderStats) uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(f(s.Stats())) })
	}
	return []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "bulkhead_relay_waiting", Help: "Records that wait to be sent to the server."},
			func() float64 { return float64(s.Stats().Waiting) }),
		counter("bulkhead_relay_sent_total", "Records that the server has.", func(t relay.SenderStats) uint64 { return t.Sent }),
		counter("bulkhead_records_thinned_total", "Records that are in summaries only.", func(t relay.SenderStats) uint64 { return t.Thinned }),
		counter("bulkhead_records_lost_total", "Records that there was no room for, or that the server does not take.",
			func(t relay.SenderStats) uint64 { return t.Lost + t.Dropped }),
	}
}
