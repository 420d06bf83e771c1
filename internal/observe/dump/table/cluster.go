package table

import (
	"strings"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/view"
)

func node(r view.Row, n *corev1.Node) {
	for _, s := range list(r.Get("STATUS")) {
		switch s {
		case "Ready":
			n.Status.Conditions = append(n.Status.Conditions, corev1.NodeCondition{Type: corev1.NodeReady, Status: corev1.ConditionTrue})
		case "NotReady":
			// The table shows the same word for False and Unknown.
			n.Status.Conditions = append(n.Status.Conditions, corev1.NodeCondition{Type: corev1.NodeReady, Status: corev1.ConditionFalse})
		case "Unknown":
			n.Status.Conditions = append(n.Status.Conditions, corev1.NodeCondition{Type: corev1.NodeReady, Status: corev1.ConditionUnknown})
		case "SchedulingDisabled":
			n.Spec.Unschedulable = true
		}
	}
	i := &n.Status.NodeInfo
	i.KubeletVersion, i.OSImage = r.Get("VERSION"), r.Get("OS-IMAGE")
	i.KernelVersion, i.ContainerRuntimeVersion = r.Get("KERNEL-VERSION"), r.Get("CONTAINER-RUNTIME")
	if ip := r.Get("INTERNAL-IP"); ip != "" {
		n.Status.Addresses = append(n.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: ip})
	}
	if ip := r.Get("EXTERNAL-IP"); ip != "" {
		n.Status.Addresses = append(n.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeExternalIP, Address: ip})
	}
	for _, role := range list(r.Get("ROLES")) {
		if n.Labels == nil {
			n.Labels = map[string]string{}
		}
		if key := "node-role.kubernetes.io/" + role; r.Raw("LABELS") == "" {
			n.Labels[key] = ""
		}
	}
}

func volumeClaim(r view.Row, c *corev1.PersistentVolumeClaim, v *view.View) {
	if s := r.Get("STATUS"); s == "Terminating" {
		v.When(view.Age{Known: true}, func(t metav1.Time) { c.DeletionTimestamp = &t })
	} else {
		c.Status.Phase = corev1.PersistentVolumeClaimPhase(s)
	}
	c.Spec.VolumeName = r.Get("VOLUME")
	if q, ok := view.Quantity(r.Raw("CAPACITY")); ok {
		c.Status.Capacity = corev1.ResourceList{corev1.ResourceStorage: q}
	}
	c.Status.AccessModes = view.AccessModes(r.Raw("ACCESS MODES"))
	if sc := r.Get("STORAGECLASS"); sc != "" {
		c.Spec.StorageClassName = &sc
	}
	if m := r.Get("VOLUMEMODE"); m != "" {
		mode := corev1.PersistentVolumeMode(m)
		c.Spec.VolumeMode = &mode
	}
}

func persistentVolume(r view.Row, p *corev1.PersistentVolume, v *view.View) {
	if q, ok := view.Quantity(r.Raw("CAPACITY")); ok {
		p.Spec.Capacity = corev1.ResourceList{corev1.ResourceStorage: q}
	}
	p.Spec.AccessModes = view.AccessModes(r.Raw("ACCESS MODES"))
	p.Spec.PersistentVolumeReclaimPolicy = corev1.PersistentVolumeReclaimPolicy(r.Get("RECLAIM POLICY"))
	if s := r.Get("STATUS"); s == "Terminating" {
		v.When(view.Age{Known: true}, func(t metav1.Time) { p.DeletionTimestamp = &t })
	} else {
		p.Status.Phase = corev1.PersistentVolumePhase(s)
	}
	if ns, name, ok := strings.Cut(r.Get("CLAIM"), "/"); ok {
		p.Spec.ClaimRef = &corev1.ObjectReference{Kind: "PersistentVolumeClaim", APIVersion: "v1", Namespace: ns, Name: name}
	}
	p.Spec.StorageClassName = r.Get("STORAGECLASS")
	p.Status.Reason = r.Get("REASON")
	if m := r.Get("VOLUMEMODE"); m != "" {
		mode := corev1.PersistentVolumeMode(m)
		p.Spec.VolumeMode = &mode
	}
}

func storageClass(r view.Row, s *storagev1.StorageClass) {
	name, isDefault := strings.CutSuffix(s.Name, " (default)")
	s.Name = name
	if isDefault {
		s.Annotations = map[string]string{"storageclass.kubernetes.io/is-default-class": "true"}
	}
	s.Provisioner = r.Get("PROVISIONER")
	if p := r.Get("RECLAIMPOLICY"); p != "" {
		policy := corev1.PersistentVolumeReclaimPolicy(p)
		s.ReclaimPolicy = &policy
	}
	if m := r.Get("VOLUMEBINDINGMODE"); m != "" {
		mode := storagev1.VolumeBindingMode(m)
		s.VolumeBindingMode = &mode
	}
	if a := r.Get("ALLOWVOLUMEEXPANSION"); a != "" {
		allow := a == "true"
		s.AllowVolumeExpansion = &allow
	}
}

// quota reads "requests.cpu: 1/2, pods: 3/10".
func quota(r view.Row, q *corev1.ResourceQuota) {
	for _, p := range append(list(r.Get("REQUEST")), list(r.Get("LIMIT"))...) {
		name, use, ok := strings.Cut(p, ": ")
		used, hard, both := strings.Cut(use, "/")
		if !ok || !both {
			continue
		}
		u, ok1 := view.Quantity(used)
		h, ok2 := view.Quantity(hard)
		if !ok1 || !ok2 {
			continue
		}
		if q.Status.Hard == nil {
			q.Status.Hard, q.Status.Used, q.Spec.Hard = corev1.ResourceList{}, corev1.ResourceList{}, corev1.ResourceList{}
		}
		key := corev1.ResourceName(name)
		q.Status.Hard[key], q.Status.Used[key], q.Spec.Hard[key] = h, u, h
	}
}

func autoscaler(r view.Row, h *autoscalingv2.HorizontalPodAutoscaler) {
	if kind, name, ok := strings.Cut(r.Get("REFERENCE"), "/"); ok {
		h.Spec.ScaleTargetRef = autoscalingv2.CrossVersionObjectReference{Kind: kind, Name: name}
	}
	h.Spec.MinReplicas = view.Int32Ptr(r.Raw("MINPODS"))
	h.Spec.MaxReplicas = view.Int32(r.Raw("MAXPODS"))
	h.Status.CurrentReplicas = view.Int32(r.Raw("REPLICAS"))
	// "cpu: <unknown>/50%" since 1.30, "<unknown>/50%" before.
	for _, t := range list(r.Raw("TARGETS")) {
		name, value, ok := strings.Cut(t, ": ")
		if !ok {
			continue
		}
		current, target, _ := strings.Cut(value, "/")
		if !strings.HasSuffix(target, "%") {
			continue
		}
		h.Spec.Metrics = append(h.Spec.Metrics, autoscalingv2.MetricSpec{Type: autoscalingv2.ResourceMetricSourceType,
			Resource: &autoscalingv2.ResourceMetricSource{Name: corev1.ResourceName(name),
				Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: view.Int32Ptr(target)}}})
		if !view.None(current) {
			h.Status.CurrentMetrics = append(h.Status.CurrentMetrics, autoscalingv2.MetricStatus{Type: autoscalingv2.ResourceMetricSourceType,
				Resource: &autoscalingv2.ResourceMetricStatus{Name: corev1.ResourceName(name),
					Current: autoscalingv2.MetricValueStatus{AverageUtilization: view.Int32Ptr(current)}}})
		}
	}
}

func disruptionBudget(r view.Row, b *policyv1.PodDisruptionBudget) {
	if s := r.Raw("MIN AVAILABLE"); !view.None(s) && s != "N/A" {
		v := view.IntOrString(s)
		b.Spec.MinAvailable = &v
	}
	if s := r.Raw("MAX UNAVAILABLE"); !view.None(s) && s != "N/A" {
		v := view.IntOrString(s)
		b.Spec.MaxUnavailable = &v
	}
	b.Status.DisruptionsAllowed = view.Int32(r.Raw("ALLOWED DISRUPTIONS"))
}

func roleRef(r view.Row, ref *rbacv1.RoleRef) {
	if kind, name, ok := strings.Cut(r.Get("ROLE"), "/"); ok {
		*ref = rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: name}
	}
}
