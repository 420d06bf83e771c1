package describe

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/view"
)

// accessModes reads RWO,ROX and [ReadWriteOnce].
func accessModes(s string) []corev1.PersistentVolumeAccessMode {
	return view.AccessModes(s)
}

func volumeClaim(n *node, c *corev1.PersistentVolumeClaim, v *view.View) {
	if sc := view.Value(n.get("StorageClass")); sc != "" {
		c.Spec.StorageClassName = &sc
	}
	if m := lasts.FindStringSubmatch(n.get("Status")); m != nil {
		v.When(view.ParseAge(m[1]), func(t metav1.Time) { c.DeletionTimestamp = &t })
	} else {
		c.Status.Phase = corev1.PersistentVolumeClaimPhase(n.get("Status"))
	}
	c.Spec.VolumeName = view.Value(n.get("Volume"))
	if q, ok := view.Quantity(n.get("Capacity")); ok {
		c.Status.Capacity = corev1.ResourceList{corev1.ResourceStorage: q}
	}
	c.Status.AccessModes = accessModes(n.get("Access Modes"))
	if m := view.Value(n.get("VolumeMode")); m != "" {
		mode := corev1.PersistentVolumeMode(m)
		c.Spec.VolumeMode = &mode
	}
	for _, r := range rows(n.kid("Conditions")) {
		cond := corev1.PersistentVolumeClaimCondition{Type: corev1.PersistentVolumeClaimConditionType(r.Raw("Type")),
			Status: corev1.ConditionStatus(r.Raw("Status")), Reason: r.Get("Reason"), Message: r.Get("Message")}
		cond.LastTransitionTime, _ = view.Time(r.Raw("LastTransitionTime"))
		c.Status.Conditions = append(c.Status.Conditions, cond)
	}
}

func persistentVolume(n *node, o *corev1.PersistentVolume, v *view.View) {
	o.Spec.StorageClassName = view.Value(n.get("StorageClass"))
	if m := lasts.FindStringSubmatch(n.get("Status")); m != nil {
		v.When(view.ParseAge(m[1]), func(t metav1.Time) { o.DeletionTimestamp = &t })
	} else {
		o.Status.Phase = corev1.PersistentVolumePhase(n.get("Status"))
	}
	if ns, name, ok := strings.Cut(view.Value(n.get("Claim")), "/"); ok {
		o.Spec.ClaimRef = &corev1.ObjectReference{Kind: "PersistentVolumeClaim", APIVersion: "v1", Namespace: ns, Name: name}
	}
	o.Spec.PersistentVolumeReclaimPolicy = corev1.PersistentVolumeReclaimPolicy(n.get("Reclaim Policy"))
	o.Spec.AccessModes = accessModes(n.get("Access Modes"))
	if m := view.Value(n.get("VolumeMode")); m != "" {
		mode := corev1.PersistentVolumeMode(m)
		o.Spec.VolumeMode = &mode
	}
	if q, ok := view.Quantity(n.get("Capacity")); ok {
		o.Spec.Capacity = corev1.ResourceList{corev1.ResourceStorage: q}
	}
	o.Status.Message = view.Value(n.get("Message"))
	o.Spec.NodeAffinity = nodeAffinity(n.kid("Node Affinity"))
	volumeBacking(n.kid("Source"), &o.Spec.PersistentVolumeSource)
}

func volumeBacking(n *node, s *corev1.PersistentVolumeSource) {
	kind, _, _ := strings.Cut(n.get("Type"), " ")
	switch kind {
	case "HostPath":
		s.HostPath = &corev1.HostPathVolumeSource{Path: n.get("Path")}
		if t := view.Value(n.get("HostPathType")); t != "" {
			hostPath := corev1.HostPathType(t)
			s.HostPath.Type = &hostPath
		}
	case "LocalVolume":
		s.Local = &corev1.LocalVolumeSource{Path: n.get("Path")}
	case "NFS":
		s.NFS = &corev1.NFSVolumeSource{Server: n.get("Server"), Path: n.get("Path"), ReadOnly: n.get("ReadOnly") == "true"}
	case "CSI":
		s.CSI = &corev1.CSIPersistentVolumeSource{Driver: n.get("Driver"), FSType: n.get("FSType"),
			VolumeHandle: n.get("VolumeHandle"), ReadOnly: n.get("ReadOnly") == "true"}
	}
}

// nodeAffinity reads Required Terms: Term 0: key in [a, b].
func nodeAffinity(n *node) *corev1.VolumeNodeAffinity {
	var terms []corev1.NodeSelectorTerm
	for _, k := range n.kid("Required Terms").kids {
		var t corev1.NodeSelectorTerm
		for _, l := range k.all() {
			if r, ok := requirement(l); ok {
				t.MatchExpressions = append(t.MatchExpressions, r)
			}
		}
		if len(t.MatchExpressions) > 0 {
			terms = append(terms, t)
		}
	}
	if terms == nil {
		return nil
	}
	return &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: terms}}
}

func requirement(s string) (corev1.NodeSelectorRequirement, bool) {
	key, rest, ok := strings.Cut(strings.TrimSpace(s), " ")
	if !ok {
		return corev1.NodeSelectorRequirement{}, false
	}
	op, values, _ := strings.Cut(rest, " ")
	r := corev1.NodeSelectorRequirement{Key: key, Values: split(strings.Trim(values, "[]"))}
	for _, known := range []corev1.NodeSelectorOperator{corev1.NodeSelectorOpIn, corev1.NodeSelectorOpNotIn, corev1.NodeSelectorOpExists,
		corev1.NodeSelectorOpDoesNotExist, corev1.NodeSelectorOpGt, corev1.NodeSelectorOpLt} {
		if strings.EqualFold(op, string(known)) {
			r.Operator = known
		}
	}
	return r, r.Operator != ""
}

func storageClass(n *node, s *storagev1.StorageClass) {
	s.Provisioner = n.get("Provisioner")
	s.Parameters = view.Labels(n.get("Parameters"))
	switch n.get("AllowVolumeExpansion") {
	case "True":
		yes := true
		s.AllowVolumeExpansion = &yes
	case "False":
		no := false
		s.AllowVolumeExpansion = &no
	}
	if p := view.Value(n.get("ReclaimPolicy")); p != "" {
		policy := corev1.PersistentVolumeReclaimPolicy(p)
		s.ReclaimPolicy = &policy
	}
	if m := view.Value(n.get("VolumeBindingMode")); m != "" {
		mode := storagev1.VolumeBindingMode(m)
		s.VolumeBindingMode = &mode
	}
	if n.get("IsDefaultClass") == "Yes" {
		s.Annotations = map[string]string{"storageclass.kubernetes.io/is-default-class": "true"}
	}
}
