package storage

import (
	"context"
	"os"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

// eventually polls the fake API, which has no way to wait for a value.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 10 s", what)
		}
	}
}

func TestClaimGetsAVolumeAndReleasedVolumeGoes(t *testing.T) {
	class := ClassName
	claim := claimOf(func(c *v1.PersistentVolumeClaim) {
		c.Spec.StorageClassName = &class
		c.Annotations = map[string]string{
			annSelectedNode: "n1",
			"volume.kubernetes.io/storage-provisioner": ProvisionerName,
		}
	})
	client := fake.NewClientset()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- newController(client, "n1", t.TempDir()).Run(ctx) }()

	eventually(t, "the default StorageClass", func() bool {
		c, err := client.StorageV1().StorageClasses().Get(ctx, ClassName, metav1.GetOptions{})
		return err == nil && c.Annotations["storageclass.kubernetes.io/is-default-class"] == "true"
	})
	if _, err := client.CoreV1().PersistentVolumeClaims("shop").Create(ctx, claim, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	var volume *v1.PersistentVolume
	eventually(t, "the volume", func() (there bool) {
		var err error
		volume, err = client.CoreV1().PersistentVolumes().Get(ctx, "pvc-"+uid, metav1.GetOptions{})
		return err == nil
	})
	if info, err := os.Stat(volume.Spec.Local.Path); err != nil || !info.IsDir() {
		t.Fatalf("directory of the volume: %v, %v", info, err)
	}

	volume.Status.Phase = v1.VolumeReleased
	if _, err := client.CoreV1().PersistentVolumes().UpdateStatus(ctx, volume, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the directory is removed", func() bool {
		_, err := os.Stat(volume.Spec.Local.Path)
		return os.IsNotExist(err)
	})
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run = %v after its context ended, want nil", err)
	}
}
