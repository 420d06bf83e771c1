package describe

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/view"
)

func volumes(n *node) []corev1.Volume {
	var out []corev1.Volume
	for _, k := range n.kids {
		if k.key == "" || !k.has("Type") {
			continue
		}
		out = append(out, corev1.Volume{Name: k.key, VolumeSource: volumeSource(k)})
	}
	return out
}

func optional(s string) *bool {
	if s != "true" {
		return nil
	}
	yes := true
	return &yes
}

func volumeSource(n *node) (s corev1.VolumeSource) {
	kind, _, _ := strings.Cut(n.get("Type"), " ")
	readOnly := n.get("ReadOnly") == "true"
	switch kind {
	case "HostPath":
		s.HostPath = &corev1.HostPathVolumeSource{Path: n.get("Path")}
		if t := view.Value(n.get("HostPathType")); t != "" {
			hostPath := corev1.HostPathType(t)
			s.HostPath.Type = &hostPath
		}
	case "EmptyDir":
		s.EmptyDir = &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMedium(view.Value(n.get("Medium")))}
		if q, ok := view.Quantity(n.get("SizeLimit")); ok {
			s.EmptyDir.SizeLimit = &q
		}
	case "Secret":
		s.Secret = &corev1.SecretVolumeSource{SecretName: n.get("SecretName"), Optional: optional(n.get("Optional"))}
	case "ConfigMap":
		s.ConfigMap = &corev1.ConfigMapVolumeSource{Optional: optional(n.get("Optional"))}
		s.ConfigMap.Name = n.get("Name")
	case "PersistentVolumeClaim":
		s.PersistentVolumeClaim = &corev1.PersistentVolumeClaimVolumeSource{ClaimName: n.get("ClaimName"), ReadOnly: readOnly}
	case "Projected":
		s.Projected = &corev1.ProjectedVolumeSource{Sources: projections(n)}
	case "NFS":
		s.NFS = &corev1.NFSVolumeSource{Server: n.get("Server"), Path: n.get("Path"), ReadOnly: readOnly}
	case "CSI":
		s.CSI = &corev1.CSIVolumeSource{Driver: n.get("Driver"), ReadOnly: optional(n.get("ReadOnly"))}
	case "DownwardAPI":
		s.DownwardAPI = &corev1.DownwardAPIVolumeSource{}
	case "EphemeralVolume":
		s.Ephemeral = &corev1.EphemeralVolumeSource{}
	}
	return s
}

// projections reads the sources of a projected volume, which stand one after the
// other without a mark of where one ends.
func projections(n *node) []corev1.VolumeProjection {
	var out []corev1.VolumeProjection
	for _, k := range n.kids {
		switch k.key {
		case "SecretName":
			p := &corev1.SecretProjection{}
			p.Name = k.value
			out = append(out, corev1.VolumeProjection{Secret: p})
		case "ConfigMapName":
			p := &corev1.ConfigMapProjection{}
			p.Name = k.value
			out = append(out, corev1.VolumeProjection{ConfigMap: p})
		case "DownwardAPI":
			out = append(out, corev1.VolumeProjection{DownwardAPI: &corev1.DownwardAPIProjection{}})
		case "TokenExpirationSeconds":
			p := &corev1.ServiceAccountTokenProjection{}
			if s, ok := view.Int(k.value); ok {
				p.ExpirationSeconds = &s
			}
			out = append(out, corev1.VolumeProjection{ServiceAccountToken: p})
		case "Optional", "ConfigMapOptional", "SecretOptionalName":
			if last := len(out) - 1; last >= 0 && k.value == "true" {
				setOptional(&out[last])
			}
		}
	}
	return out
}

func setOptional(p *corev1.VolumeProjection) {
	switch {
	case p.Secret != nil:
		p.Secret.Optional = optional("true")
	case p.ConfigMap != nil:
		p.ConfigMap.Optional = optional("true")
	}
}
