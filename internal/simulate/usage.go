package simulate

import (
	"context"
	"fmt"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/metrics-server/pkg/storage"
)

// What a pod says about its own use, which all its containers share equally.
// HorizontalPodAutoscalers can be tried with it.
const (
	AnnotationCPU    = "bulkhead.dev/simulated-cpu"
	AnnotationMemory = "bulkhead.dev/simulated-memory"
)

// usage is what a container uses: what its pod says, else half of what it
// requests, else next to nothing.
type usage struct {
	nanoCores   int64
	memoryBytes int64
}

func usageOf(pod *v1.Pod, container v1.Container) usage {
	u := usage{nanoCores: 1e6, memoryBytes: 16 << 20}
	if cpu := container.Resources.Requests.Cpu(); !cpu.IsZero() {
		u.nanoCores = cpu.ScaledValue(resource.Nano) / 2
	}
	if memory := container.Resources.Requests.Memory(); !memory.IsZero() {
		u.memoryBytes = memory.Value() / 2
	}
	containers := int64(len(pod.Spec.Containers))
	if q, err := resource.ParseQuantity(pod.Annotations[AnnotationCPU]); err == nil {
		u.nanoCores = q.ScaledValue(resource.Nano) / containers
	}
	if q, err := resource.ParseQuantity(pod.Annotations[AnnotationMemory]); err == nil {
		u.memoryBytes = q.Value() / containers
	}
	return u
}

// counter is a container's CPU time so far.
type counter struct {
	until time.Time
	used  uint64 // nanoseconds
}

// add goes on at rate until now.
func (c counter) add(now time.Time, nanoCores int64) counter {
	elapsed := now.Sub(c.until).Seconds()
	return counter{until: now, used: c.used + uint64(elapsed*float64(nanoCores))}
}

// meter keeps the counters of all nodes; CPU time only ever grows.
type meter struct {
	mu     sync.Mutex // guards the following
	byNode map[string]map[types.UID]map[string]counter
}

// read returns what node and its pods have used by now, and forgets pods that
// are gone.
func (m *meter) read(node string, pods []*v1.Pod, now time.Time) *storage.MetricsBatch {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := m.byNode[node]
	counters := make(map[types.UID]map[string]counter, len(pods))
	batch := &storage.MetricsBatch{
		Nodes: map[string]storage.MetricsPoint{},
		Pods:  map[types.NamespacedName]storage.PodMetricsPoint{},
	}
	var nodeMemory uint64
	nodeCPU := before[""][""].add(now, 0)
	for _, pod := range pods {
		if pod.Status.Phase != v1.PodRunning || pod.Status.StartTime == nil {
			continue
		}
		started := pod.Status.StartTime.Time
		counters[pod.UID] = map[string]counter{}
		points := map[string]storage.MetricsPoint{}
		for _, container := range pod.Spec.Containers {
			u := usageOf(pod, container)
			last, known := before[pod.UID][container.Name]
			if !known {
				last = counter{until: started}
			}
			next := last.add(now, u.nanoCores)
			nodeCPU.used += next.used - last.used
			nodeMemory += uint64(u.memoryBytes)
			counters[pod.UID][container.Name] = next
			points[container.Name] = storage.MetricsPoint{
				StartTime: started, Timestamp: now, CumulativeCPUUsed: next.used, MemoryUsage: uint64(u.memoryBytes),
			}
		}
		batch.Pods[types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}] = storage.PodMetricsPoint{Containers: points}
	}
	counters[""] = map[string]counter{"": nodeCPU}
	m.byNode[node] = counters
	batch.Nodes[node] = storage.MetricsPoint{Timestamp: now, CumulativeCPUUsed: nodeCPU.used, MemoryUsage: max(1, nodeMemory)}
	return batch
}

// GetMetrics is what metrics-server asks a kubelet for.
func (s *Simulation) GetMetrics(_ context.Context, node *v1.Node) (*storage.MetricsBatch, error) {
	if _, err := s.nodes.Get(node.Name); err != nil {
		return nil, fmt.Errorf("node %s is not simulated: %w", node.Name, err)
	}
	return s.meter.read(node.Name, s.podsOn(node.Name), time.Now()), nil
}
