// Package simulated makes nodes that exist in the API only. Whoever plays simulated
// nodes (internal/simulate) keeps them Ready and runs their pods.
package simulated

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/nodepool/decide"
)

// Provider makes the nodes of one pool.
type Provider struct {
	client kubernetes.Interface
	pool   string
	spec   v1alpha1.NodePoolSpec
	marks  map[string]string

	mu sync.Mutex // guards asked
	// asked are the machines that are not nodes yet.
	asked map[string]time.Time
	ended context.CancelFunc
	ctx   context.Context
	group sync.WaitGroup
}

// New makes a provider. marks are the labels by which nodes are known to be played.
func New(client kubernetes.Interface, pool string, spec v1alpha1.NodePoolSpec, marks map[string]string) *Provider {
	p := &Provider{client: client, pool: pool, spec: decide.Complete(spec), marks: marks, asked: map[string]time.Time{}}
	if p.spec.Provider.Simulated == nil {
		p.spec.Provider.Simulated = &v1alpha1.SimulatedProvider{}
	}
	p.ctx, p.ended = context.WithCancel(context.Background())
	return p
}

// Create makes the nodes once the delay has passed.
func (p *Provider) Create(ctx context.Context, names []string) error {
	if q := p.spec.Provider.Simulated.Quota; q != nil {
		list, err := p.List(ctx)
		if err != nil {
			return err
		}
		if len(list)+len(names) > int(*q) {
			return fmt.Errorf("quota exceeded: there are %d machines of %d, and %d more were asked for", len(list), *q, len(names))
		}
	}
	delay := time.Duration(0)
	if d := p.spec.Provider.Simulated.StartDelay; d != nil {
		delay = d.Duration
	}
	for _, name := range names {
		if delay == 0 {
			if err := p.make(ctx, name); err != nil {
				return err
			}
			continue
		}
		p.mu.Lock()
		p.asked[name] = time.Now()
		p.mu.Unlock()
		p.group.Go(func() { p.makeAfter(delay, name) })
	}
	return nil
}

func (p *Provider) makeAfter(delay time.Duration, name string) {
	select {
	case <-p.ctx.Done():
		return
	case <-time.After(delay):
	}
	p.mu.Lock()
	_, wanted := p.asked[name]
	p.mu.Unlock()
	if !wanted {
		return
	}
	// One that cannot be made now stays asked for until the pool gives it up.
	if p.make(p.ctx, name) == nil {
		p.mu.Lock()
		delete(p.asked, name)
		p.mu.Unlock()
	}
}

func (p *Provider) make(ctx context.Context, name string) error {
	n := decide.Template(p.pool, p.spec, nil)
	n.Name, n.Spec.ProviderID = name, "simulated://"+p.pool+"/"+name
	n.Labels[corev1.LabelHostname] = name
	maps.Copy(n.Labels, p.marks)
	n.Status.Conditions = nil // who plays the node says that it is Ready
	if _, err := p.client.CoreV1().Nodes().Create(ctx, n, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("make simulated node %s: %w", name, err)
	}
	return nil
}

// Delete removes the node.
func (p *Provider) Delete(ctx context.Context, m decide.Machine) error {
	p.mu.Lock()
	delete(p.asked, m.Name)
	p.mu.Unlock()
	err := p.client.CoreV1().Nodes().Delete(ctx, m.Name, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete simulated node %s: %w", m.Name, err)
	}
	return nil
}

// List is the nodes of the pool, and those whose delay has not passed.
func (p *Provider) List(ctx context.Context) ([]decide.Machine, error) {
	selector := maps.Clone(p.marks)
	selector[v1alpha1.LabelNodePool] = p.pool
	list, err := p.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: labels.SelectorFromSet(selector).String(), ResourceVersion: "0"})
	if err != nil {
		return nil, fmt.Errorf("list simulated nodes: %w", err)
	}
	var out []decide.Machine
	there := map[string]bool{}
	for i := range list.Items {
		n := &list.Items[i]
		there[n.Name] = true
		out = append(out, decide.Machine{ID: n.Spec.ProviderID, Name: n.Name, State: decide.Running, Asked: n.CreationTimestamp.Time})
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, at := range p.asked {
		if !there[name] {
			out = append(out, decide.Machine{Name: name, State: decide.Making, Asked: at})
		}
	}
	return out, nil
}

// Template is nil: the pool's spec says it all.
func (p *Provider) Template(context.Context) (*corev1.Node, error) { return nil, nil }

// Close forgets the machines that are not nodes yet.
func (p *Provider) Close() error {
	p.ended()
	p.group.Wait()
	return nil
}
