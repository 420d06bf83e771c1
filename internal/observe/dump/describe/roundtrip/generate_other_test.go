package roundtrip

import (
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	storagev1 "k8s.io/api/storage/v1"
	quantity "k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/resource"
)

func (g *generator) clusterMeta() metav1.ObjectMeta {
	m := g.meta()
	m.Namespace = ""
	return m
}

func (g *generator) node() resource.Object {
	n := &corev1.Node{ObjectMeta: g.clusterMeta()}
	n.CreationTimestamp = g.time()
	n.Spec = corev1.NodeSpec{Unschedulable: g.maybe(), PodCIDR: "10.1.0.0/24", PodCIDRs: []string{"10.1.0.0/24"}, ProviderID: "cloud:///a/b"}
	if g.maybe() {
		n.Spec.Taints = []corev1.Taint{{Key: "node.kubernetes.io/unreachable", Effect: "NoExecute"}, {Key: "dedicated", Value: "db", Effect: "NoSchedule"}}
	}
	n.Status.Conditions = []corev1.NodeCondition{
		{Type: "MemoryPressure", Status: "Unknown", LastHeartbeatTime: g.time(), LastTransitionTime: g.time(), Reason: "NodeStatusUnknown", Message: "Kubelet stopped posting node status."},
		{Type: "Ready", Status: "False", LastHeartbeatTime: g.time(), LastTransitionTime: g.time(), Reason: "KubeletNotReady", Message: "container runtime is down, PLEG is not healthy: pleg was last seen active 3m1s ago"}}
	n.Status.Addresses = []corev1.NodeAddress{{Type: "InternalIP", Address: "10.0.0.1"}, {Type: "Hostname", Address: "n1"}}
	n.Status.Capacity = corev1.ResourceList{"cpu": quantity.MustParse("8"), "memory": quantity.MustParse("15978556Ki"), "pods": quantity.MustParse("110")}
	n.Status.Allocatable = corev1.ResourceList{"cpu": quantity.MustParse("7500m"), "memory": quantity.MustParse("15Gi"), "pods": quantity.MustParse("110")}
	n.Status.NodeInfo = corev1.NodeSystemInfo{MachineID: "9c", SystemUUID: "07", BootID: "db", KernelVersion: "6.1.0", OSImage: "Debian GNU/Linux 12", OperatingSystem: "linux", Architecture: "amd64", ContainerRuntimeVersion: "containerd://2.0.1", KubeletVersion: "v1.31.2"}
	return n
}

func (g *generator) service() resource.Object {
	s := &corev1.Service{ObjectMeta: g.meta()}
	policy, internal := corev1.IPFamilyPolicySingleStack, corev1.ServiceInternalTrafficPolicyCluster
	s.Spec = corev1.ServiceSpec{Type: "ClusterIP", IPFamilyPolicy: &policy, IPFamilies: []corev1.IPFamily{"IPv4"}, ClusterIP: "10.96.0.7", ClusterIPs: []string{"10.96.0.7"}, SessionAffinity: "None", InternalTrafficPolicy: &internal}
	if g.maybe() {
		s.Spec.Selector = map[string]string{"app": g.name(), "tier": "back"}
	}
	s.Spec.Ports = []corev1.ServicePort{{Name: "http", Port: 80, Protocol: "TCP", TargetPort: intstr.FromString("web")}}
	if g.maybe() {
		s.Spec.Type = "NodePort"
		s.Spec.Ports = append(s.Spec.Ports, corev1.ServicePort{Name: "dns", Port: 53, Protocol: "UDP", TargetPort: intstr.FromInt32(5353), NodePort: 30053})
		s.Spec.ExternalTrafficPolicy = "Local"
	}
	if g.IntN(4) == 0 {
		s.Spec.Type = "LoadBalancer"
		s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "192.0.2.1"}, {Hostname: "lb.example.com"}}
	}
	return s
}

func (g *generator) networkPolicy() resource.Object {
	p := &networkingv1.NetworkPolicy{ObjectMeta: g.meta()}
	p.CreationTimestamp = g.time()
	if g.maybe() {
		p.Spec.PodSelector = *g.selector()
	}
	p.Spec.PolicyTypes = []networkingv1.PolicyType{"Ingress", "Egress"}
	tcp, udp, port, name, end := corev1.ProtocolTCP, corev1.ProtocolUDP, intstr.FromInt32(80), intstr.FromString("dns"), int32(90)
	if g.maybe() {
		p.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{
			{Ports: []networkingv1.NetworkPolicyPort{{Protocol: &tcp, Port: &port, EndPort: &end}, {Protocol: &udp, Port: &name}}, From: []networkingv1.NetworkPolicyPeer{
				{PodSelector: g.selector()}, {PodSelector: g.selector(), NamespaceSelector: &metav1.LabelSelector{}},
				{IPBlock: &networkingv1.IPBlock{CIDR: "10.0.0.0/8", Except: []string{"10.1.0.0/16", "10.2.0.0/16"}}}}},
			{}}
	}
	if g.maybe() {
		p.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{To: []networkingv1.NetworkPolicyPeer{{NamespaceSelector: g.selector()}}}}
	}
	return p
}

func (g *generator) autoscaler() resource.Object {
	h := &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: g.meta()}
	h.CreationTimestamp = g.time()
	minimum, percent := int32(2), int32(g.IntN(100))
	h.Spec = autoscalingv2.HorizontalPodAutoscalerSpec{ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{Kind: "Deployment", Name: "web", APIVersion: "apps/v1"}, MinReplicas: &minimum, MaxReplicas: 9}
	h.Spec.Metrics = []autoscalingv2.MetricSpec{{Type: "Resource", Resource: &autoscalingv2.ResourceMetricSource{Name: "cpu", Target: autoscalingv2.MetricTarget{Type: "Utilization", AverageUtilization: &percent}}}}
	h.Status.CurrentReplicas, h.Status.DesiredReplicas = 3, int32(g.IntN(9))
	h.Status.Conditions = []autoscalingv2.HorizontalPodAutoscalerCondition{{Type: "ScalingActive", Status: "False", Reason: "FailedGetResourceMetric", Message: "the HPA was unable to compute the replica count: no metrics returned"}}
	return h
}

func (g *generator) ingress() resource.Object {
	class := "nginx"
	i := &networkingv1.Ingress{ObjectMeta: g.meta()}
	i.Spec.IngressClassName = &class
	if g.maybe() {
		i.Spec.TLS = []networkingv1.IngressTLS{{SecretName: "tls", Hosts: []string{"a.example.com", "b.example.com"}}}
	}
	for _, host := range []string{"a.example.com", ""} {
		r := networkingv1.IngressRule{Host: host, IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{}}}
		for _, path := range []string{"/", "/api"} {
			b := &networkingv1.IngressServiceBackend{Name: "web", Port: networkingv1.ServiceBackendPort{Number: 80}}
			if g.maybe() {
				b.Port = networkingv1.ServiceBackendPort{Name: "http"}
			}
			r.HTTP.Paths = append(r.HTTP.Paths, networkingv1.HTTPIngressPath{Path: path, Backend: networkingv1.IngressBackend{Service: b}})
		}
		i.Spec.Rules = append(i.Spec.Rules, r)
	}
	if g.maybe() {
		i.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{IP: "192.0.2.9"}}
	}
	return i
}

func (g *generator) limitRange() resource.Object {
	l := &corev1.LimitRange{ObjectMeta: metav1.ObjectMeta{Name: g.name(), Namespace: "shop"}}
	l.Spec.Limits = []corev1.LimitRangeItem{
		{Type: "Container", Max: corev1.ResourceList{"cpu": quantity.MustParse("2")}, Min: corev1.ResourceList{"cpu": quantity.MustParse("100m")},
			Default: corev1.ResourceList{"memory": g.quantity()}, DefaultRequest: corev1.ResourceList{"memory": quantity.MustParse("64Mi")}},
		{Type: "Pod", Max: corev1.ResourceList{"memory": quantity.MustParse("4Gi")}}}
	return l
}

func otherGenerators() map[string]func(g *generator) resource.Object {
	return map[string]func(g *generator) resource.Object{
		"Node":                    func(g *generator) resource.Object { return g.node() },
		"Service":                 func(g *generator) resource.Object { return g.service() },
		"NetworkPolicy":           func(g *generator) resource.Object { return g.networkPolicy() },
		"HorizontalPodAutoscaler": func(g *generator) resource.Object { return g.autoscaler() },
		"Ingress":                 func(g *generator) resource.Object { return g.ingress() },
		"LimitRange":              func(g *generator) resource.Object { return g.limitRange() },
		"Endpoints": func(g *generator) resource.Object {
			e := &corev1.Endpoints{ObjectMeta: g.meta()}
			e.Subsets = []corev1.EndpointSubset{{Addresses: []corev1.EndpointAddress{{IP: "10.1.0.1"}, {IP: "10.1.0.2"}}, Ports: []corev1.EndpointPort{{Name: "http", Port: 8080, Protocol: "TCP"}, {Name: "m", Port: 9090, Protocol: "TCP"}}}}
			if g.maybe() {
				e.Subsets = append(e.Subsets, corev1.EndpointSubset{NotReadyAddresses: []corev1.EndpointAddress{{IP: "10.1.0.3"}}, Ports: []corev1.EndpointPort{{Port: 1, Protocol: "TCP"}}})
			}
			return e
		},
		"EndpointSlice": func(g *generator) resource.Object {
			ready, node, name, port, tcp := g.maybe(), "n1", "http", int32(8080), corev1.ProtocolTCP
			s := &discoveryv1.EndpointSlice{ObjectMeta: g.meta(), AddressType: "IPv4", Ports: []discoveryv1.EndpointPort{{Name: &name, Port: &port, Protocol: &tcp}}}
			s.Endpoints = []discoveryv1.Endpoint{{Addresses: []string{"10.1.0.1"}, Conditions: discoveryv1.EndpointConditions{Ready: &ready}, NodeName: &node, TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: "shop", Name: "web-1"}},
				{Addresses: []string{"10.1.0.2"}}}
			return s
		},
		"PersistentVolumeClaim": func(g *generator) resource.Object {
			class, mode := "fast", corev1.PersistentVolumeFilesystem
			c := &corev1.PersistentVolumeClaim{ObjectMeta: g.meta()}
			c.Finalizers = []string{"kubernetes.io/pvc-protection"}
			c.Spec.StorageClassName, c.Spec.VolumeMode = &class, &mode
			c.Status.Phase = "Pending"
			if g.maybe() {
				c.Spec.VolumeName, c.Status.Phase = "pv-1", "Bound"
				c.Status.Capacity = corev1.ResourceList{"storage": quantity.MustParse("5Gi")}
				c.Status.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce, corev1.ReadOnlyMany}
			}
			return c
		},
		"PersistentVolume": func(g *generator) resource.Object {
			mode := corev1.PersistentVolumeFilesystem
			v := &corev1.PersistentVolume{ObjectMeta: g.clusterMeta()}
			v.Finalizers = []string{"kubernetes.io/pv-protection"}
			v.Spec = corev1.PersistentVolumeSpec{StorageClassName: "fast", PersistentVolumeReclaimPolicy: "Retain", AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany}, VolumeMode: &mode,
				Capacity: corev1.ResourceList{"storage": quantity.MustParse("5Gi")}}
			v.Spec.NodeAffinity = &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "kubernetes.io/hostname", Operator: "In", Values: []string{"n1", "n2"}}}}}}}
			v.Status.Phase = "Released"
			if g.maybe() {
				v.Spec.ClaimRef = &corev1.ObjectReference{Kind: "PersistentVolumeClaim", APIVersion: "v1", Namespace: "shop", Name: "data"}
				v.Spec.Local = &corev1.LocalVolumeSource{Path: "/mnt/disk"}
			} else {
				v.Spec.NFS = &corev1.NFSVolumeSource{Server: "nfs.example.com", Path: "/x", ReadOnly: true}
			}
			return v
		},
		"StorageClass": func(g *generator) resource.Object {
			policy, mode, allow := corev1.PersistentVolumeReclaimDelete, storagev1.VolumeBindingWaitForFirstConsumer, g.maybe()
			return &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: g.name()}, Provisioner: "csi.example.com", ReclaimPolicy: &policy, VolumeBindingMode: &mode, AllowVolumeExpansion: &allow, Parameters: map[string]string{"type": "ssd"}}
		},
		"ConfigMap": func(g *generator) resource.Object {
			c := &corev1.ConfigMap{ObjectMeta: g.meta(), Data: map[string]string{"app.conf": "a: b\n\nName: x\nLabels: y\n----\nend", "mode": "fast"}}
			if g.maybe() {
				c.Data = map[string]string{"only": ""}
			}
			return c
		},
		"Secret": func(g *generator) resource.Object {
			return &corev1.Secret{ObjectMeta: g.meta(), Type: "Opaque", Data: map[string][]byte{"password": nil, "user.name": nil}}
		},
		"ServiceAccount": func(g *generator) resource.Object {
			return &corev1.ServiceAccount{ObjectMeta: g.meta(), ImagePullSecrets: []corev1.LocalObjectReference{{Name: "pull-a"}, {Name: "pull-b"}}}
		},
		"ResourceQuota": func(g *generator) resource.Object {
			q := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: g.name(), Namespace: "shop"}}
			q.Spec.Hard = corev1.ResourceList{"requests.cpu": quantity.MustParse("1"), "pods": quantity.MustParse("10")}
			q.Status.Hard = q.Spec.Hard
			q.Status.Used = corev1.ResourceList{"requests.cpu": quantity.MustParse("1500m"), "pods": quantity.MustParse("3")}
			return q
		},
		"PodDisruptionBudget": func(g *generator) resource.Object {
			n := intstr.FromString("50%")
			b := &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Name: g.name(), Namespace: "shop"}, Spec: policyv1.PodDisruptionBudgetSpec{Selector: g.selector()}}
			if g.maybe() {
				b.Spec.MinAvailable = &n
			} else {
				b.Spec.MaxUnavailable = &n
			}
			b.Status = policyv1.PodDisruptionBudgetStatus{DisruptionsAllowed: 0, CurrentHealthy: 1, DesiredHealthy: 2, ExpectedPods: 3}
			return b
		},
		"RoleBinding": func(g *generator) resource.Object {
			return &rbacv1.RoleBinding{ObjectMeta: g.meta(), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "reader"},
				Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Name: "runner", Namespace: "shop"}, {Kind: "User", Name: "ann", APIGroup: rbacv1.GroupName}}}
		},
	}
}
