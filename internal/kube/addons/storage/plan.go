package storage

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// ClassName is the default StorageClass.
	ClassName = "local"
	// ProvisionerName is what StorageClasses name to get volumes from here.
	ProvisionerName = "bulkhead.dev/local"
	// ParameterMode is the StorageClass parameter with a volume's mode, octal.
	ParameterMode = "mode"

	defaultMode = 0o777
)

// claimed is what a claim asks for, and where.
type claimed struct {
	claim      *v1.PersistentVolumeClaim
	volumeName string
	parameters map[string]string
	reclaim    *v1.PersistentVolumeReclaimPolicy
	mounts     []string
	node       string
	root       string
}

// plan returns the volume for a claim and the mode of its directory, or why the
// claim can't be had.
func plan(c claimed) (*v1.PersistentVolume, fs.FileMode, error) {
	if err := feasible(c.claim); err != nil {
		return nil, 0, err
	}
	mode, err := modeOf(c.parameters)
	if err != nil {
		return nil, 0, err
	}
	reclaim := v1.PersistentVolumeReclaimDelete
	if c.reclaim != nil {
		reclaim = *c.reclaim
	}
	if c.node == "" {
		return nil, 0, fmt.Errorf("no node was chosen for this volume: use a StorageClass with volumeBindingMode WaitForFirstConsumer, such as %s", ClassName)
	}
	filesystem := v1.PersistentVolumeFilesystem
	return &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: c.volumeName},
		Spec: v1.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: reclaim,
			AccessModes:                   c.claim.Spec.AccessModes,
			VolumeMode:                    &filesystem,
			MountOptions:                  c.mounts,
			// What was asked for: a directory has no size of its own.
			Capacity: v1.ResourceList{v1.ResourceStorage: c.claim.Spec.Resources.Requests[v1.ResourceStorage]},
			PersistentVolumeSource: v1.PersistentVolumeSource{
				// Local and not HostPath: the kubelet then gives it the pod's
				// fsGroup.
				Local: &v1.LocalVolumeSource{Path: filepath.Join(c.root, directoryName(c.claim, c.volumeName))},
			},
			NodeAffinity: &v1.VolumeNodeAffinity{Required: &v1.NodeSelector{NodeSelectorTerms: []v1.NodeSelectorTerm{{
				MatchExpressions: []v1.NodeSelectorRequirement{{
					Key: v1.LabelHostname, Operator: v1.NodeSelectorOpIn, Values: []string{c.node},
				}},
			}}}},
		},
	}, mode, nil
}

// feasible says what about the claim a directory on one node cannot do.
func feasible(claim *v1.PersistentVolumeClaim) error {
	if claim.Spec.VolumeMode != nil && *claim.Spec.VolumeMode == v1.PersistentVolumeBlock {
		return fmt.Errorf("StorageClass %s makes directories, not block devices: set volumeMode to Filesystem", ClassName)
	}
	for _, mode := range claim.Spec.AccessModes {
		if mode != v1.ReadWriteOnce && mode != v1.ReadWriteOncePod {
			return fmt.Errorf("a local volume is on one node and cannot be %s: set accessModes to ReadWriteOnce (all pods of one node share it) or ReadWriteOncePod", mode)
		}
	}
	if claim.Spec.Selector != nil {
		return fmt.Errorf("a volume that is made for a claim has no labels that its selector could match: remove spec.selector, or set storageClassName to \"\" to choose among existing volumes")
	}
	if claim.Spec.DataSource != nil || claim.Spec.DataSourceRef != nil {
		return fmt.Errorf("a local volume begins empty and cannot be made from a dataSource: remove spec.dataSource and spec.dataSourceRef")
	}
	return nil
}

func modeOf(parameters map[string]string) (fs.FileMode, error) {
	mode := fs.FileMode(defaultMode)
	for key, value := range parameters {
		if key != ParameterMode {
			return 0, fmt.Errorf("StorageClass parameter %q is unknown; known: %s", key, ParameterMode)
		}
		bits, err := strconv.ParseUint(value, 8, 32)
		if err != nil || bits > 0o777 {
			return 0, fmt.Errorf("StorageClass parameter %s=%q: want an octal file mode up to 0777", key, value)
		}
		mode = fs.FileMode(bits)
	}
	return mode, nil
}

// maxClaimPart keeps a directory's name below the 255 bytes of a file name: two
// such parts, two dashes and a UID of 36.
const maxClaimPart = 100

// directoryName is <namespace>-<claim>-<uid>: a person finds their data by the
// first two, and the last, which is in the volume's name too, makes it unique.
func directoryName(claim *v1.PersistentVolumeClaim, volumeName string) string {
	return fmt.Sprintf("%s-%s-%s", cut(claim.Namespace), cut(claim.Name), strings.TrimPrefix(volumeName, "pvc-"))
}

func cut(s string) string { return s[:min(len(s), maxClaimPart)] }

// directoryOf returns the name below root of the directory that was made for
// volume, or why no directory of ours is its.
func directoryOf(root string, volume *v1.PersistentVolume) (string, error) {
	if volume.Spec.Local == nil {
		return "", fmt.Errorf("volume %s is not a local volume", volume.Name)
	}
	// Anybody who may make volumes may write any path into one.
	dir, name := filepath.Split(volume.Spec.Local.Path)
	if filepath.Clean(dir) != root || !filepath.IsLocal(name) || !strings.HasSuffix(name, "-"+strings.TrimPrefix(volume.Name, "pvc-")) {
		return "", fmt.Errorf("volume %s names the directory %q, which was not made for it under %s: remove it by hand, and the volume too", volume.Name, volume.Spec.Local.Path, root)
	}
	return name, nil
}

// nodeOf returns the one node that a local volume is on, or "".
func nodeOf(volume *v1.PersistentVolume) string {
	affinity := volume.Spec.NodeAffinity
	if affinity == nil || affinity.Required == nil {
		return ""
	}
	for _, term := range affinity.Required.NodeSelectorTerms {
		for _, requirement := range term.MatchExpressions {
			if requirement.Key == v1.LabelHostname && requirement.Operator == v1.NodeSelectorOpIn && len(requirement.Values) == 1 {
				return requirement.Values[0]
			}
		}
	}
	return ""
}
