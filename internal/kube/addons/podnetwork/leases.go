package podnetwork

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/flannel-io/flannel/pkg/ip"
	"github.com/flannel-io/flannel/pkg/lease"
	"github.com/flannel-io/flannel/pkg/subnet"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// leases tells flannel's backends which node has which range, from the Nodes. It
// is their subnet.Manager, of which they use a part.
type leases struct {
	client  kubernetes.Interface
	options Options

	// another is closed once there is a node beside this one, own once this one
	// has a range.
	another, own chan struct{}

	mu      sync.Mutex // guards all below
	self    *v1.Node
	peers   map[string]lease.Lease
	changes []lease.Event
	wake    chan struct{} // has one element if there are changes
}

var _ subnet.Manager = (*leases)(nil)

func newLeases(client kubernetes.Interface, o Options) *leases {
	return &leases{
		client: client, options: o, another: make(chan struct{}), own: make(chan struct{}),
		peers: map[string]lease.Lease{}, wake: make(chan struct{}, 1),
	}
}

// start follows the Nodes until ctx ends.
func (l *leases) start(ctx context.Context, running *sync.WaitGroup) error {
	factory := informers.NewSharedInformerFactoryWithOptions(l.client, 0, informers.WithTransform(slim))
	_, err := factory.Core().V1().Nodes().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { l.seen(object.(*v1.Node)) },
		UpdateFunc: func(_, object any) { l.seen(object.(*v1.Node)) },
		DeleteFunc: func(object any) {
			if unknown, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = unknown.Obj
			}
			if node, ok := object.(*v1.Node); ok {
				l.gone(node.Name)
			}
		},
	})
	if err != nil {
		return fmt.Errorf("watch nodes: %w", err)
	}
	factory.StartWithContext(ctx)
	running.Go(func() {
		<-ctx.Done()
		factory.Shutdown()
	})
	return nil
}

// slim keeps of a node what is read here.
func slim(object any) (any, error) {
	if node, ok := object.(*v1.Node); ok {
		node.ManagedFields, node.Labels = nil, nil
		node.Status = v1.NodeStatus{}
	}
	return object, nil
}

// seen takes in a node as it is now.
func (l *leases) seen(node *v1.Node) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if node.Name == l.options.NodeName {
		l.self = node
		if node.Spec.PodCIDR != "" {
			closeOnce(l.own)
		}
		return
	}
	closeOnce(l.another)
	is, ok := leaseOf(node)
	was, had := l.peers[node.Name]
	switch {
	case had && ok && sameLease(was, is):
		return
	case had: // a range or an address that changed is taken back first
		l.changed(lease.EventRemoved, was)
		delete(l.peers, node.Name)
	}
	if ok {
		l.peers[node.Name] = is
		l.changed(lease.EventAdded, is)
	}
}

func (l *leases) gone(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if was, had := l.peers[name]; had {
		delete(l.peers, name)
		l.changed(lease.EventRemoved, was)
	}
}

// changed queues an event; l.mu is held.
func (l *leases) changed(kind lease.EventType, of lease.Lease) {
	l.changes = append(l.changes, lease.Event{Type: kind, Lease: of})
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func closeOnce(c chan struct{}) {
	select {
	case <-c:
	default:
		close(c)
	}
}

// WatchLeases sends what changes until ctx ends, beginning with what there is.
func (l *leases) WatchLeases(ctx context.Context, receiver chan []lease.LeaseWatchResult) error {
	defer close(receiver)
	for {
		select {
		case <-l.wake:
		case <-ctx.Done():
			return nil
		}
		l.mu.Lock()
		events := l.changes
		l.changes = nil
		l.mu.Unlock()
		if len(events) == 0 {
			continue
		}
		select {
		case receiver <- []lease.LeaseWatchResult{{Events: events}}:
		case <-ctx.Done():
			return nil
		}
	}
}

// AcquireLease notes on this Node how others reach its pods.
func (l *leases) AcquireLease(ctx context.Context, attrs *lease.LeaseAttrs) (*lease.Lease, error) {
	select {
	case <-l.own:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	l.mu.Lock()
	self := l.self
	l.mu.Unlock()
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": annotationsOf(attrs)}})
	if err != nil {
		return nil, err
	}
	if _, err := l.client.CoreV1().Nodes().Patch(ctx, self.Name, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		return nil, fmt.Errorf("note on node %s how others reach its pods: %w", self.Name, err)
	}
	noted := self.DeepCopy()
	if noted.Annotations == nil {
		noted.Annotations = map[string]string{}
	}
	maps.Copy(noted.Annotations, annotationsOf(attrs))
	own, ok := leaseOf(noted)
	if !ok {
		return nil, fmt.Errorf("node %s has no range of pod addresses that can be used: %q", self.Name, self.Spec.PodCIDR)
	}
	own.Expiration = time.Now().Add(24 * time.Hour) // nobody looks at it here
	return &own, nil
}

// GetStoredMacAddresses returns the address that this node's end of the network had
// last, so that the others need not learn another after a reboot.
func (l *leases) GetStoredMacAddresses(context.Context) (v4, v6 string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.self == nil {
		return "", ""
	}
	var stored struct{ VtepMAC string }
	if json.Unmarshal([]byte(l.self.Annotations[annotationData]), &stored) != nil {
		return "", ""
	}
	return stored.VtepMAC, ""
}

// GetNetworkConfig returns the settings of the network.
func (l *leases) GetNetworkConfig(context.Context) (*subnet.Config, error) {
	return settingsFor(l.options)
}

// errUnused indicates a part of flannel's interface that its backends leave alone.
var errUnused = errors.New("not used by the backends")

// The rest of subnet.Manager is for flannel's own daemon.

func (*leases) HandleSubnetFile(string, *subnet.Config, bool, ip.IP4Net, ip.IP6Net, int) error {
	return errUnused
}
func (*leases) RenewLease(context.Context, *lease.Lease) error { return errUnused }
func (*leases) WatchLease(context.Context, ip.IP4Net, ip.IP6Net, chan []lease.LeaseWatchResult) error {
	return errUnused
}
func (*leases) CompleteLease(context.Context, *lease.Lease, *sync.WaitGroup) error { return errUnused }
func (*leases) GetStoredPublicIP(context.Context) (v4, v6 string)                  { return "", "" }
func (*leases) Name() string                                                       { return "bulkhead" }

func sameLease(a, b lease.Lease) bool {
	return a.Subnet.Equal(b.Subnet) && a.Attrs.PublicIP == b.Attrs.PublicIP && a.Attrs.BackendType == b.Attrs.BackendType &&
		slices.Equal(a.Attrs.BackendData, b.Attrs.BackendData)
}
