package local

import (
	"fmt"
	"runtime"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

// Machine is what this machine has.
type Machine struct {
	CPUs int64
	// MemoryBytes, and DiskBytes of the file system with the data directory.
	MemoryBytes, DiskBytes int64
}

// What the kubelet keeps free by its default thresholds of eviction, and does not
// promise to pods.
const (
	memoryReserve    = 100 << 20
	diskReserveShare = 10 // percent
	defaultPods      = 110
)

// minDisk leaves room for what an agent has before it runs a pod, twice.
const minDisk = 512 << 20

// shape is a pool's machine, cut out of this one.
type shape struct {
	// capacity is what a node seems to have, allocatable what pods get of it.
	capacity, allocatable corev1.ResourceList
	// diskBytes is the size of a disk of its own; 0: it shares this machine's.
	diskBytes int64
	// kubelet are the kubelet's arguments that make it so.
	kubelet []string
}

// cut is how a node of this machine comes to have a shape: a kubelet sees all that the
// machine has, and is told what of it is for others.
func cut(m v1alpha1.MachineShape, host Machine) (shape, error) {
	if a := m.Architecture; a != "" && a != runtime.GOARCH {
		return shape{}, fmt.Errorf("machine.architecture %s: local nodes are of this machine's, %s", a, runtime.GOARCH)
	}
	for name := range m.Resources {
		if !slices.Contains([]corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourcePods, corev1.ResourceEphemeralStorage}, name) {
			return shape{}, fmt.Errorf("machine.resources: a local node cannot have %s, only cpu, memory, ephemeral-storage and pods", name)
		}
	}
	s := shape{capacity: corev1.ResourceList{}, allocatable: corev1.ResourceList{}}
	var reserved []string
	for _, r := range []struct {
		name  corev1.ResourceName
		has   *resource.Quantity
		keeps int64 // of the resource, in its least unit: thousandths of a cpu, bytes
	}{
		{corev1.ResourceCPU, resource.NewQuantity(host.CPUs, resource.DecimalSI), 0},
		{corev1.ResourceMemory, resource.NewQuantity(host.MemoryBytes, resource.BinarySI), memoryReserve},
	} {
		wanted, given := m.Resources[r.name]
		if !given {
			wanted = *r.has
		}
		if wanted.Cmp(*r.has) > 0 {
			return shape{}, fmt.Errorf("machine.resources: %s of %s, but this machine, which all local nodes are on, has %s", r.name, &wanted, r.has)
		}
		pods := wanted.DeepCopy()
		pods.Sub(m.Reserved[r.name])
		if pods.Sign() <= 0 {
			return shape{}, fmt.Errorf("machine.reserved leaves no %s for pods", r.name)
		}
		rest := units(r.name, r.has) - units(r.name, &pods) - r.keeps
		if rest > 0 {
			reserved = append(reserved, string(r.name)+"="+text(r.name, rest))
		} else {
			pods = quantity(r.name, units(r.name, r.has)-r.keeps)
		}
		s.capacity[r.name], s.allocatable[r.name] = wanted, pods
	}
	disk, err := s.cutDisk(m, host)
	if err != nil {
		return shape{}, err
	}
	if len(disk) > 0 {
		reserved = append(reserved, disk)
	}
	if len(reserved) > 0 {
		s.kubelet = append(s.kubelet, "system-reserved="+strings.Join(reserved, ","))
	}
	pods, given := m.Resources[corev1.ResourcePods]
	if !given {
		pods = *resource.NewQuantity(defaultPods, resource.DecimalSI)
	}
	s.capacity[corev1.ResourcePods], s.allocatable[corev1.ResourcePods] = pods, pods
	s.kubelet = append(s.kubelet, fmt.Sprintf("max-pods=%d", pods.Value()))
	return s, nil
}

// cutDisk gives the node a disk of its own if the shape says how large, and returns
// what of it is reserved.
func (s *shape) cutDisk(m v1alpha1.MachineShape, host Machine) (string, error) {
	size := host.DiskBytes
	if wanted, given := m.Resources[corev1.ResourceEphemeralStorage]; given {
		if wanted.Value() < minDisk {
			return "", fmt.Errorf("machine.resources: ephemeral-storage of %s is too little for a node; give it at least %s", &wanted, resource.NewQuantity(minDisk, resource.BinarySI))
		}
		s.diskBytes, size = wanted.Value(), wanted.Value()
	}
	reserved := m.Reserved[corev1.ResourceEphemeralStorage]
	pods := size - size*diskReserveShare/100 - reserved.Value()
	if pods <= 0 {
		return "", fmt.Errorf("machine.reserved leaves no ephemeral-storage for pods")
	}
	s.capacity[corev1.ResourceEphemeralStorage] = *resource.NewQuantity(size, resource.BinarySI)
	s.allocatable[corev1.ResourceEphemeralStorage] = *resource.NewQuantity(pods, resource.BinarySI)
	if reserved.IsZero() {
		return "", nil
	}
	return string(corev1.ResourceEphemeralStorage) + "=" + reserved.String(), nil
}

func units(name corev1.ResourceName, q *resource.Quantity) int64 {
	if name == corev1.ResourceCPU {
		return q.MilliValue()
	}
	return q.Value()
}

func quantity(name corev1.ResourceName, n int64) resource.Quantity {
	if name == corev1.ResourceCPU {
		return *resource.NewMilliQuantity(n, resource.DecimalSI)
	}
	return *resource.NewQuantity(n, resource.BinarySI)
}

func text(name corev1.ResourceName, n int64) string {
	q := quantity(name, n)
	return q.String()
}
