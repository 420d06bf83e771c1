package metrics

import (
	"context"
	"fmt"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/metrics-server/pkg/scraper"
	kubeletclient "sigs.k8s.io/metrics-server/pkg/scraper/client"
	"sigs.k8s.io/metrics-server/pkg/scraper/client/resource"
	"sigs.k8s.io/metrics-server/pkg/storage"

	"github.com/bulkhead-k8s/bulkhead/internal/kube/addons/apply"
)

// Server scrapes and stores; Install makes it answer.
type Server struct {
	client     kubernetes.Interface
	nodes      informers.SharedInformerFactory
	pods       metadatainformer.SharedInformerFactory
	scraper    scraper.Scraper
	storage    storage.Storage
	resolution time.Duration
	ready      chan struct{}
	readyOnce  sync.Once
}

// New returns a server; nothing runs before Run.
func New(o Options) (*Server, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	client, err := kubernetes.NewForConfig(o.RestConfig)
	if err != nil {
		return nil, fmt.Errorf("make the metrics server's client: %w", err)
	}
	podClient, err := metadata.NewForConfig(o.RestConfig)
	if err != nil {
		return nil, fmt.Errorf("make the metrics server's client for pods: %w", err)
	}
	source := o.Source
	if source == nil {
		source, err = kubelets(o)
		if err != nil {
			return nil, err
		}
	}
	nodes := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTransform(slimNode))
	return &Server{
		client: client,
		nodes:  nodes,
		pods: metadatainformer.NewFilteredSharedInformerFactory(podClient, 0, metav1.NamespaceAll, func(o *metav1.ListOptions) {
			o.FieldSelector = "status.phase=Running"
		}),
		scraper:    scraper.NewScraper(nodes.Core().V1().Nodes().Lister(), source, o.Resolution*2/3, nil),
		storage:    storage.NewStorage(o.Resolution),
		resolution: o.Resolution,
		ready:      make(chan struct{}),
	}, nil
}

// kubelets returns what asks the kubelets over HTTPS.
func kubelets(o Options) (kubeletclient.KubeletMetricsGetter, error) {
	source, err := resource.NewForConfig(&kubeletclient.KubeletClientConfig{
		Client: rest.Config{TLSClientConfig: *o.Kubelet, Timeout: o.Resolution * 2 / 3, UserAgent: o.RestConfig.UserAgent},
		// Node names need not resolve.
		AddressTypePriority: []v1.NodeAddressType{v1.NodeInternalIP, v1.NodeExternalIP, v1.NodeHostName},
		Scheme:              "https",
		DefaultPort:         10250,
		UseNodeStatusPort:   true,
	})
	if err != nil {
		return nil, fmt.Errorf("make the metrics server's kubelet client: %w", err)
	}
	return &patient{source: source, answered: map[string]bool{}}, nil
}

// slimNode keeps of a node what is read here.
func slimNode(object any) (any, error) {
	if node, ok := object.(*v1.Node); ok {
		node.ManagedFields = nil
		node.Status.Images = nil
	}
	return object, nil
}

// Ready is closed once there are metrics of a node: at the second scrape, as
// CPU use is a difference.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Run scrapes until ctx ends, and returns nil then, with everything stopped.
func (s *Server) Run(ctx context.Context) error {
	err := apply.Retry(ctx, "metrics server", func(ctx context.Context) error { return Apply(ctx, s.client) })
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	arrived := make(chan struct{}, 1)
	if err := s.watchNodes(arrived); err != nil {
		return err
	}
	podInformer := s.pods.ForResource(v1.SchemeGroupVersion.WithResource("pods")).Informer()
	s.nodes.StartWithContext(ctx)
	defer s.nodes.Shutdown()
	s.pods.Start(ctx.Done())
	defer s.pods.Shutdown()
	s.nodes.WaitForCacheSync(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), podInformer.HasSynced) {
		return nil
	}

	for {
		pause := s.resolution
		if s.scrape(ctx) == 0 {
			pause = firstPause
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-arrived:
		case <-timer.C:
		}
		timer.Stop()
		if ctx.Err() != nil {
			return nil
		}
	}
}

// firstPause is the time between two scrapes while no node has answered: after
// a restart, nodes are there before their kubelets are.
const firstPause = 2 * time.Second

// watchNodes asks for a scrape when a node becomes ready: its first metrics are
// then there sooner.
func (s *Server) watchNodes(arrived chan<- struct{}) error {
	signal := func() {
		select {
		case arrived <- struct{}{}:
		default:
		}
	}
	_, err := s.nodes.Core().V1().Nodes().Informer().AddEventHandler(cache.ResourceEventHandlerDetailedFuncs{
		AddFunc: func(node any, initial bool) {
			if !initial && isReady(node.(*v1.Node)) {
				signal()
			}
		},
		UpdateFunc: func(before, after any) {
			if !isReady(before.(*v1.Node)) && isReady(after.(*v1.Node)) {
				signal()
			}
		},
	})
	if err != nil {
		return fmt.Errorf("metrics server: watch nodes: %w", err)
	}
	return nil
}

func isReady(node *v1.Node) bool {
	for _, condition := range node.Status.Conditions {
		if condition.Type == v1.NodeReady {
			return condition.Status == v1.ConditionTrue
		}
	}
	return false
}

// scrape asks all kubelets and returns how many answered.
func (s *Server) scrape(ctx context.Context) int {
	ctx, cancel := context.WithTimeout(ctx, s.resolution)
	defer cancel()
	batch := s.scraper.Scrape(ctx)
	s.storage.Store(batch)
	nodes, err := s.nodes.Core().V1().Nodes().Lister().List(labels.Everything())
	if err != nil {
		return len(batch.Nodes) // the lister reads memory and has no errors
	}
	if known, err := s.storage.GetNodeMetrics(nodes...); err == nil && len(known) > 0 {
		s.readyOnce.Do(func() { close(s.ready) })
	}
	return len(batch.Nodes)
}
