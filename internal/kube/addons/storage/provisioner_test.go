package storage

import (
	"os"
	"path/filepath"
	"testing"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

func TestVolumeComesAndGoes(t *testing.T) {
	p := &provisioner{node: "n1", root: filepath.Join(t.TempDir(), "storage")}
	options := controller.ProvisionOptions{StorageClass: &storagev1.StorageClass{}, PVName: "pvc-" + uid, PVC: claimOf(nil)}
	volume, _, err := p.Provision(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	path := volume.Spec.Local.Path
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o777 {
		t.Fatalf("directory %v, %v; want mode 0777", info, err)
	}
	if err := os.WriteFile(filepath.Join(path, "kept"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	// An attempt whose volume could not be stored is made again.
	if _, _, err := p.Provision(t.Context(), options); err != nil {
		t.Fatalf("provision again: %v", err)
	}
	if _, err := os.Stat(filepath.Join(path, "kept")); err != nil {
		t.Errorf("provisioning again lost what was there: %v", err)
	}
	for range 2 { // the second finds nothing to do
		if err := p.Delete(t.Context(), volume); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("after Delete: %v, want not exist", err)
	}
}

func TestDeleteFollowsNoLinkOutOfTheRoot(t *testing.T) {
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "precious"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p := &provisioner{node: "n1", root: t.TempDir()}
	path := filepath.Join(p.root, "ns-c-"+uid)
	if err := os.Symlink(outside, path); err != nil {
		t.Fatal(err)
	}
	volume := &v1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "pvc-" + uid}}
	volume.Spec.Local = &v1.LocalVolumeSource{Path: path}
	if err := p.Delete(t.Context(), volume); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(outside, "precious")); err != nil {
		t.Errorf("Delete went through a link: %v", err)
	}
}

func TestOnlyThisNodesVolumesAreTouched(t *testing.T) {
	p := &provisioner{node: "n1", root: "/r"}
	for node, want := range map[string]bool{"n1": true, "n2": false, "": true} {
		claim := claimOf(func(c *v1.PersistentVolumeClaim) { c.Annotations = map[string]string{annSelectedNode: node} })
		if got := p.ShouldProvision(t.Context(), claim); got != want {
			t.Errorf("ShouldProvision for node %q = %v, want %v", node, got, want)
		}
	}
	volume, _, err := plan(claimed{claim: claimOf(nil), volumeName: "pvc-" + uid, node: "n2", root: "/r"})
	if err != nil {
		t.Fatal(err)
	}
	if p.ShouldDelete(t.Context(), volume) {
		t.Error("ShouldDelete took another node's volume")
	}
	all := &provisioner{root: "/r"}
	claim := claimOf(func(c *v1.PersistentVolumeClaim) { c.Annotations = map[string]string{annSelectedNode: "n7"} })
	if !all.ShouldProvision(t.Context(), claim) || !all.ShouldDelete(t.Context(), volume) {
		t.Error("a provisioner for all nodes leaves some out")
	}
}

func TestProvisionerForAllNodesTakesTheChosenOne(t *testing.T) {
	p := &provisioner{root: t.TempDir()}
	options := controller.ProvisionOptions{StorageClass: &storagev1.StorageClass{}, PVName: "pvc-" + uid, PVC: claimOf(nil), SelectedNodeName: "n7"}
	volume, _, err := p.Provision(t.Context(), options)
	if err != nil || nodeOf(volume) != "n7" {
		t.Errorf("Provision = %+v, %v; want a volume on n7", volume, err)
	}
	options.SelectedNodeName = ""
	if _, _, err := p.Provision(t.Context(), options); err == nil {
		t.Error("Provision without a node succeeds")
	}
}
