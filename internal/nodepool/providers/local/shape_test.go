package local

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

const gib = int64(1) << 30

var host = Machine{CPUs: 4, MemoryBytes: 16 * gib, DiskBytes: 100 * gib}

func list(pairs ...string) corev1.ResourceList {
	l := corev1.ResourceList{}
	for i := 0; i < len(pairs); i += 2 {
		l[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
	}
	return l
}

func TestShapeIsCutOutOfTheMachine(t *testing.T) {
	for _, tc := range []struct {
		name                string
		resources, reserved corev1.ResourceList
		kubelet             string
		allocatable         corev1.ResourceList
		disk                int64
	}{
		{
			name: "nothing said", kubelet: "max-pods=110",
			allocatable: list("cpu", "4", "memory", "16284Mi", "ephemeral-storage", "90Gi", "pods", "110"),
		},
		{
			// 16 GiB less 2 GiB for pods, less the 100 MiB that the kubelet takes off by itself.
			name: "cpu and memory", resources: list("cpu", "1500m", "memory", "2Gi", "pods", "20"),
			kubelet:     "system-reserved=cpu=2500m,memory=14236Mi max-pods=20",
			allocatable: list("cpu", "1500m", "memory", "2Gi", "ephemeral-storage", "90Gi", "pods", "20"),
		},
		{
			name: "reserved", resources: list("cpu", "2", "memory", "2Gi"), reserved: list("cpu", "200m", "memory", "1Gi"),
			kubelet:     "system-reserved=cpu=2200m,memory=15260Mi max-pods=110",
			allocatable: list("cpu", "1800m", "memory", "1Gi", "ephemeral-storage", "90Gi", "pods", "110"),
		},
		{
			name: "a disk", resources: list("ephemeral-storage", "2Gi"), reserved: list("ephemeral-storage", "100Mi"),
			kubelet:     "system-reserved=ephemeral-storage=100Mi max-pods=110",
			allocatable: list("cpu", "4", "memory", "16284Mi", "ephemeral-storage", "1827877684", "pods", "110"), disk: 2 * gib,
		},
		{
			name: "all of the memory", resources: list("memory", "16Gi"), kubelet: "max-pods=110",
			allocatable: list("cpu", "4", "memory", "16284Mi", "ephemeral-storage", "90Gi", "pods", "110"),
		},
	} {
		s, err := cut(v1alpha1.MachineShape{Resources: tc.resources, Reserved: tc.reserved}, host)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if got := strings.Join(s.kubelet, " "); got != tc.kubelet || s.diskBytes != tc.disk {
			t.Errorf("%s: kubelet %q and a disk of %d, want %q and %d", tc.name, got, s.diskBytes, tc.kubelet, tc.disk)
		}
		for name, want := range tc.allocatable {
			if got := s.allocatable[name]; got.Cmp(want) != 0 {
				t.Errorf("%s: pods get %s of %s, want %s", tc.name, &got, name, &want)
			}
		}
		for name, want := range tc.resources {
			if got := s.capacity[name]; got.Cmp(want) != 0 {
				t.Errorf("%s: capacity %s of %s, want %s", tc.name, &got, name, &want)
			}
		}
	}
}

func TestShapeThatCannotBe(t *testing.T) {
	for _, tc := range []struct {
		shape v1alpha1.MachineShape
		want  string
	}{
		{v1alpha1.MachineShape{Architecture: "s390x"}, "s390x"},
		{v1alpha1.MachineShape{Resources: list("cpu", "5")}, "has 4"},
		{v1alpha1.MachineShape{Resources: list("memory", "17Gi")}, "has 16Gi"},
		{v1alpha1.MachineShape{Resources: list("example.com/gpu", "1")}, "example.com/gpu"},
		{v1alpha1.MachineShape{Resources: list("ephemeral-storage", "100Mi")}, "at least 512Mi"},
		{v1alpha1.MachineShape{Resources: list("cpu", "1"), Reserved: list("cpu", "1")}, "no cpu for pods"},
		{v1alpha1.MachineShape{Resources: list("ephemeral-storage", "1Gi"), Reserved: list("ephemeral-storage", "1Gi")}, "no ephemeral-storage for pods"},
	} {
		if _, err := cut(tc.shape, host); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: %v, want an error with %q", tc.shape, err, tc.want)
		}
	}
}

func TestCountRanges(t *testing.T) {
	for text, want := range map[string]int64{"0": 1, "0-3": 4, "0-1,4,6-7": 5} {
		if got, err := countRanges(text); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "3-1", "a-b", "1-"} {
		if n, err := countRanges(text); err == nil {
			t.Errorf("%q counts as %d", text, n)
		}
	}
}
