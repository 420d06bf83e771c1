package storage

import (
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const uid = "11111111-2222-3333-4444-555555555555"

func claimOf(change func(*v1.PersistentVolumeClaim)) *v1.PersistentVolumeClaim {
	claim := &v1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "data-db-0", UID: uid},
		Spec: v1.PersistentVolumeClaimSpec{
			AccessModes: []v1.PersistentVolumeAccessMode{v1.ReadWriteOnce},
			Resources: v1.VolumeResourceRequirements{Requests: v1.ResourceList{
				v1.ResourceStorage: resource.MustParse("5Gi"),
			}},
		},
	}
	if change != nil {
		change(claim)
	}
	return claim
}

func TestPlanMakesTheVolumeThatWasClaimed(t *testing.T) {
	retain := v1.PersistentVolumeReclaimRetain
	volume, mode, err := plan(claimed{
		claim: claimOf(nil), volumeName: "pvc-" + uid, node: "n1", root: "/data/storage",
		parameters: map[string]string{"mode": "0750"}, reclaim: &retain, mounts: []string{"noexec"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := volume.Spec.Local.Path, "/data/storage/shop-data-db-0-"+uid; got != want {
		t.Errorf("path %q, want %q", got, want)
	}
	if mode != 0o750 {
		t.Errorf("mode %o, want 750", mode)
	}
	if got := volume.Spec.Capacity[v1.ResourceStorage]; got.String() != "5Gi" {
		t.Errorf("capacity %s, want 5Gi", got.String())
	}
	if volume.Spec.PersistentVolumeReclaimPolicy != retain || volume.Spec.MountOptions[0] != "noexec" {
		t.Errorf("reclaim policy and mount options of the class are lost: %+v", volume.Spec)
	}
	if node := nodeOf(volume); node != "n1" {
		t.Errorf("node %q, want n1", node)
	}
	if name, err := directoryOf("/data/storage", volume); err != nil || name != "shop-data-db-0-"+uid {
		t.Errorf("directoryOf the planned volume = %q, %v", name, err)
	}
}

func TestPlanDefaults(t *testing.T) {
	volume, mode, err := plan(claimed{claim: claimOf(nil), volumeName: "pvc-" + uid, node: "n1", root: "/r"})
	if err != nil || mode != 0o777 || volume.Spec.PersistentVolumeReclaimPolicy != v1.PersistentVolumeReclaimDelete {
		t.Errorf("plan = %+v, %o, %v; want Delete and 777", volume, mode, err)
	}
}

func TestPlanRefuses(t *testing.T) {
	block := v1.PersistentVolumeBlock
	for _, test := range []struct {
		name       string
		change     func(*v1.PersistentVolumeClaim)
		parameters map[string]string
		want       string
	}{
		{"many nodes", func(c *v1.PersistentVolumeClaim) {
			c.Spec.AccessModes = []v1.PersistentVolumeAccessMode{v1.ReadWriteOnce, v1.ReadWriteMany}
		}, nil, "cannot be ReadWriteMany"},
		{"block device", func(c *v1.PersistentVolumeClaim) { c.Spec.VolumeMode = &block }, nil, "not block devices"},
		{"selector", func(c *v1.PersistentVolumeClaim) { c.Spec.Selector = &metav1.LabelSelector{} }, nil, "remove spec.selector"},
		{"clone", func(c *v1.PersistentVolumeClaim) {
			c.Spec.DataSource = &v1.TypedLocalObjectReference{Kind: "PersistentVolumeClaim", Name: "x"}
		}, nil, "begins empty"},
		{"bad mode", nil, map[string]string{"mode": "rwx"}, "octal file mode"},
		{"setuid mode", nil, map[string]string{"mode": "4777"}, "up to 0777"},
		{"unknown parameter", nil, map[string]string{"size": "1"}, `"size" is unknown`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, _, err := plan(claimed{claim: claimOf(test.change), volumeName: "pvc-" + uid, parameters: test.parameters, node: "n1", root: "/r"})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("plan = %v, want an error with %q", err, test.want)
			}
		})
	}
}

func TestDirectoryNameFitsAFileName(t *testing.T) {
	claim := claimOf(func(c *v1.PersistentVolumeClaim) { c.Name = strings.Repeat("x", 253) })
	if name := directoryName(claim, "pvc-"+uid); len(name) > 255 || !strings.HasSuffix(name, "-"+uid) {
		t.Errorf("directoryName has %d bytes: %s", len(name), name)
	}
}

func TestDirectoryOfRefusesWhatWasNotMadeForTheVolume(t *testing.T) {
	for _, path := range []string{
		"/etc", "/etc/x-" + uid, "/r/../etc/x-" + uid, "/r", "/r/", "/r/..", "/r/a/b-" + uid,
		"/r/shop-other-99999999-2222-3333-4444-555555555555", "r/x-" + uid, "",
	} {
		volume := &v1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "pvc-" + uid}}
		volume.Spec.Local = &v1.LocalVolumeSource{Path: path}
		if name, err := directoryOf("/r", volume); err == nil {
			t.Errorf("directoryOf %q = %q, want a refusal", path, name)
		}
	}
}
