package storage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

// annSelectedNode is where the scheduler writes its choice on a claim.
const annSelectedNode = "volume.kubernetes.io/selected-node"

// provisioner makes and removes the directories of one node.
type provisioner struct {
	node string // empty stands for all
	root string
}

var (
	_ controller.Provisioner   = (*provisioner)(nil)
	_ controller.Qualifier     = (*provisioner)(nil)
	_ controller.DeletionGuard = (*provisioner)(nil)
	// Claims for block devices are refused in feasible, with more to say than
	// the library's own refusal has.
	_ controller.BlockProvisioner = (*provisioner)(nil)
)

// ShouldProvision leaves claims for other nodes to these nodes' provisioners.
// A StorageClass that binds at once has no node yet: then any node will do.
func (p *provisioner) ShouldProvision(_ context.Context, claim *v1.PersistentVolumeClaim) bool {
	node := claim.Annotations[annSelectedNode]
	return p.node == "" || node == "" || node == p.node
}

// ShouldDelete leaves volumes on other nodes to these nodes' provisioners.
func (p *provisioner) ShouldDelete(_ context.Context, volume *v1.PersistentVolume) bool {
	return p.node == "" || nodeOf(volume) == p.node
}

func (p *provisioner) SupportsBlock(context.Context) bool { return true }

// Provision makes the directory of the volume that it returns. A directory that
// is there already, from an attempt whose volume could not be stored, is used.
func (p *provisioner) Provision(ctx context.Context, o controller.ProvisionOptions) (*v1.PersistentVolume, controller.ProvisioningState, error) {
	volume, mode, err := plan(claimed{
		claim:      o.PVC,
		volumeName: o.PVName,
		parameters: o.StorageClass.Parameters,
		reclaim:    o.StorageClass.ReclaimPolicy,
		mounts:     o.StorageClass.MountOptions,
		node:       cmp.Or(p.node, o.SelectedNodeName),
		root:       p.root,
	})
	if err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	if err := p.makeDirectory(filepath.Base(volume.Spec.Local.Path), mode); err != nil {
		return nil, controller.ProvisioningFinished, fmt.Errorf("make the directory of volume %s: %w", o.PVName, err)
	}
	klog.FromContext(ctx).V(2).Info("Made local volume", "volume", o.PVName, "path", volume.Spec.Local.Path)
	return volume, controller.ProvisioningFinished, nil
}

func (p *provisioner) makeDirectory(name string, mode fs.FileMode) error {
	// Others may pass through the root, which a pod of any user does, but not
	// list it.
	if err := os.MkdirAll(p.root, 0o711); err != nil {
		return err
	}
	root, err := os.OpenRoot(p.root)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return root.Chmod(name, mode) // Mkdir's mode is cut by the umask
}

// Delete removes the directory with all that is in it.
func (p *provisioner) Delete(ctx context.Context, volume *v1.PersistentVolume) error {
	name, err := directoryOf(p.root, volume)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(p.root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("remove the directory of volume %s: %w", volume.Name, err)
	}
	defer root.Close()
	if err := root.RemoveAll(name); err != nil {
		return fmt.Errorf("remove the directory of volume %s: %w", volume.Name, err)
	}
	klog.FromContext(ctx).V(2).Info("Removed local volume", "volume", volume.Name, "path", volume.Spec.Local.Path)
	return nil
}
