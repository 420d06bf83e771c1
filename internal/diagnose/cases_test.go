package diagnose_test

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	rt "github.com/bulkhead-k8s/bulkhead/internal/diagnose/recordtest"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// failure is a way to break the shop: the symptoms, and the evidence that decides.
// With the symptoms alone, the verdict must be another.
type failure struct {
	name     string
	symptoms func(c *rt.Cluster)
	decisive func(c *rt.Cluster)
	reason   string
	object   string // Kind/name
}

func image(message string) func(*rt.Cluster) {
	return func(c *rt.Cluster) {
		c.Waits("cart", "ImagePullBackOff", "Back-off pulling image")
		c.Event(c.Pod("cart"), "Failed", `Failed to pull image "registry.example/cart:1": `+message)
	}
}

func pulling(c *rt.Cluster) { c.Waits("cart", "ImagePullBackOff", "Back-off pulling image") }

func pending(message string) func(*rt.Cluster) {
	return func(c *rt.Cluster) { c.Pending("cart", "0/3 nodes are available: "+message) }
}

func unplaced(c *rt.Cluster) { c.Pending("cart", "no word of why") }

func refused(message string) func(*rt.Cluster) {
	return func(c *rt.Cluster) {
		c.SetEvent("cart", "FailedCreate", `Error creating: pods "cart-6d5f7c8b9d-" is forbidden: `+message)
	}
}

// dumpsCore is a Node.js server that aborts: one core was looked at, one of the next
// ones only counted.
func dumpsCore(c *rt.Cluster) {
	c.Crashes("cart", 134, "Error")
	core := func(ago time.Duration, p *record.CoreDump) {
		p.Container, p.Signal, p.Executable = "cart", 6, "/usr/bin/node"
		c.Said = append(c.Said, record.Record{Time: rt.Now.Add(-ago), Source: "core", Object: rt.Ref(c.Pod("cart")), Node: "n1", Payload: p})
	}
	core(12*time.Minute, &record.CoreDump{PID: 11, Bytes: 47 << 20, Threads: 11, Log: []string{"GET /a", "GET /b%00", ""}, Stack: []string{
		"0x7f823baa8eec (libc.so.6+0x8aeec)", "raise+0x12 (libc.so.6)", "abort+0xd3 (libc.so.6)", "node::Abort+0x2d (node)",
		"v8::internal::(anonymous namespace)::HandleApiCallHelper<false>+0x8d (node)", "Builtins_InterpreterEntryTrampoline+0xdc (node)", "Builtins_InterpreterEntryTrampoline+0xdc (node)", "node::Start+0x58f (node)",
	}})
	core(5*time.Minute, &record.CoreDump{PID: 17, Others: 6, Dropped: "more than 3 cores in 10m0s: not looked at"})
}

func gone(c *rt.Cluster) { c.Gone("cart") }

func crash(c *rt.Cluster) { c.Crashes("cart", 1, "Error") }

func logs(lines ...string) func(*rt.Cluster) {
	return func(c *rt.Cluster) { c.Log("cart", lines...) }
}

func cartFails(c *rt.Cluster) { c.Alert("cart", "HighErrorRate", "5xx errors on cart") }

func claim(c *rt.Cluster, change func(*corev1.PersistentVolumeClaim, *corev1.PersistentVolume)) {
	class := "standard"
	pvc := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: "data", Namespace: rt.Namespace}}
	pvc.Spec.StorageClassName = &class
	pvc.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	pvc.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("5Gi")}
	pvc.Status.Phase = corev1.ClaimPending
	pv := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "disk"}}
	pv.Spec.StorageClassName = class
	pv.Spec.AccessModes = pvc.Spec.AccessModes
	pv.Spec.Capacity = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("10Gi")}
	change(pvc, pv)
	c.Put(pvc)
	c.Put(pv)
	c.Put(&storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: class}})
	mount := corev1.Volume{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"}}}
	c.Deployment("cache").Spec.Template.Spec.Volumes = []corev1.Volume{mount}
	c.Pending("cache", "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims.")
	c.Pod("cache").Spec.Volumes = []corev1.Volume{mount}
}

func unboundClaim(c *rt.Cluster) {
	claim(c, func(*corev1.PersistentVolumeClaim, *corev1.PersistentVolume) {})
}

func mismatch(change func(*corev1.PersistentVolumeClaim, *corev1.PersistentVolume)) func(*rt.Cluster) {
	return func(c *rt.Cluster) { claim(c, change) }
}

func probed(message string) func(*rt.Cluster) {
	return func(c *rt.Cluster) {
		c.Down("cart")
		c.Event(c.Pod("cart"), "Unhealthy", "Readiness probe failed: "+message)
	}
}

func probe(h corev1.ProbeHandler) func(*rt.Cluster) {
	return func(c *rt.Cluster) {
		p := &corev1.Probe{ProbeHandler: h, PeriodSeconds: 10, FailureThreshold: 3, TimeoutSeconds: 1}
		c.Deployment("cart").Spec.Template.Spec.Containers[0].ReadinessProbe = p
		c.Pod("cart").Spec.Containers[0].ReadinessProbe = p
	}
}

func nodeIs(status corev1.ConditionStatus, message string) func(*rt.Cluster) {
	return func(c *rt.Cluster) {
		n := c.Node("n1")
		n.Status.Conditions[0].Status = status
		n.Status.Conditions[0].Message = message
		n.Status.Conditions[0].LastTransitionTime = metav1.NewTime(rt.Now.Add(-10 * time.Minute))
	}
}

func pressed(t corev1.NodeConditionType) func(*rt.Cluster) {
	return func(c *rt.Cluster) {
		n := c.Node("n1")
		n.Status.Conditions = append(n.Status.Conditions, corev1.NodeCondition{Type: t, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(rt.Now.Add(-10 * time.Minute))})
	}
}

func down(c *rt.Cluster) {
	for _, a := range []string{"cache", "cart", "web"} {
		c.Down(a)
	}
}

func component(name, problem string) func(*rt.Cluster) {
	return func(c *rt.Cluster) {
		c.Say(record.Ref{}, &record.Component{Name: name, Problem: problem, Message: "observed on the node"})
	}
}

func env(app, name, value string) func(*rt.Cluster) {
	return func(c *rt.Cluster) {
		c.Deployment(app).Spec.Template.Spec.Containers[0].Env = []corev1.EnvVar{{Name: name, Value: value}}
		c.Pod(app).Spec.Containers[0].Env = []corev1.EnvVar{{Name: name, Value: value}}
	}
}

func service(change func(*corev1.Service)) func(*rt.Cluster) {
	return func(c *rt.Cluster) { change(c.Service("cart")) }
}

var failures = []failure{
	{"account", gone, refused(`error looking up service account shop/shopper: serviceaccount "shopper" not found`), "ServiceAccountMissing", "Deployment/cart"},
	{"quota", gone, refused("exceeded quota: small, requested: pods=1, used: pods=9, limited: pods=9"), "QuotaExceeded", "ResourceQuota/small"},
	{"quota without requests", gone, refused("failed quota: small: must specify limits.cpu"), "QuotaNeedsRequests", "ResourceQuota/small"},
	{"limit range", gone, refused("maximum cpu usage per Container is 1, but limit is 2"), "LimitRangeViolated", "Deployment/cart"},
	{"pod security", gone, refused(`violates PodSecurity "restricted:latest": privileged`), "PodSecurityDenied", "Deployment/cart"},
	{"webhook down", gone, func(c *rt.Cluster) {
		c.SetEvent("cart", "FailedCreate", `Error creating: Internal error occurred: failed calling webhook "check.policy.example": connection refused`)
	}, "WebhookDown", "Webhook/check.policy.example"},
	{"webhook denies", gone, func(c *rt.Cluster) {
		c.SetEvent("cart", "FailedCreate", `Error creating: admission webhook "check.policy.example" denied the request: no latest tags`)
	}, "WebhookDenied", "Deployment/cart"},
	{"priority class", gone, refused("no PriorityClass with name urgent was found"), "PriorityClassMissing", "Deployment/cart"},

	{"node selector", unplaced, func(c *rt.Cluster) {
		c.Deployment("cart").Spec.Template.Spec.NodeSelector = map[string]string{"disk": "ssd"}
		c.Pending("cart", "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.")
	}, "NodeSelectorMismatch", "Deployment/cart"},
	{"node affinity", unplaced, pending("3 node(s) didn't match Pod's node affinity/selector."), "NodeAffinityMismatch", "Deployment/cart"},
	{"taint", unplaced, pending("3 node(s) had untolerated taint {team: data}."), "TaintNotTolerated", "Deployment/cart"},
	{"cpu", unplaced, pending("3 Insufficient cpu."), "InsufficientCPU", "Deployment/cart"},
	{"memory", unplaced, pending("3 Insufficient memory."), "InsufficientMemory", "Deployment/cart"},
	{"device", unplaced, pending("3 Insufficient nvidia.com/gpu."), "InsufficientResource", "Deployment/cart"},
	{"anti-affinity", unplaced, pending("3 node(s) didn't match pod anti-affinity rules."), "AntiAffinityConflict", "Deployment/cart"},
	{"affinity", unplaced, pending("3 node(s) didn't match pod affinity rules."), "AffinityUnsatisfied", "Deployment/cart"},
	{"spread", unplaced, pending("3 node(s) didn't match pod topology spread constraints."), "TopologySpreadUnsatisfied", "Deployment/cart"},
	{"host port", unplaced, pending("3 node(s) didn't have free ports for the requested pod ports."), "HostPortTaken", "Deployment/cart"},
	{"volume's zone", unplaced, pending("3 node(s) had volume node affinity conflict."), "VolumeNodeConflict", "Deployment/cart"},
	{"too many pods", unplaced, pending("3 Too many pods."), "TooManyPods", "Deployment/cart"},
	{"no claim", unplaced, pending(`persistentvolumeclaim "data" not found.`), "ClaimMissing", "Deployment/cart"},
	{"cordoned", unplaced, func(c *rt.Cluster) {
		c.Node("n1").Spec.Unschedulable = true
		c.Deployment("cart").Spec.Template.Spec.NodeSelector = map[string]string{"kubernetes.io/hostname": "n1"}
		c.Pending("cart", "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) didn't match Pod's node affinity/selector.")
	}, "OnlyCordonedNodesFit", "Deployment/cart"},
	{"scheduler", unplaced, func(c *rt.Cluster) { c.Said = nil; c.Pending("cart", "") }, "SchedulerDown", "Component/kube-scheduler"},

	{"image's name", pulling, image("manifest unknown"), "ImageNotFound", "Deployment/cart"},
	{"image's rights", pulling, image("401 Unauthorized"), "ImagePullUnauthorized", "Deployment/cart"},
	{"registry", pulling, image("dial tcp: lookup registry.example: no such host"), "RegistryUnreachable", "Deployment/cart"},
	{"registry's certificate", pulling, image("x509: certificate signed by unknown authority"), "RegistryCertificate", "Deployment/cart"},
	{"rate limit", pulling, image("toomanyrequests: you have reached your pull rate limit"), "ImagePullRateLimited", "Deployment/cart"},
	{"architecture", pulling, image("no match for platform in manifest"), "ImageArchMismatch", "Deployment/cart"},
	{"image's spelling", pulling, func(c *rt.Cluster) { c.Waits("cart", "InvalidImageName", "couldn't parse image name") }, "ImageNameInvalid", "Deployment/cart"},

	{"secret", down1, func(c *rt.Cluster) { c.Waits("cart", "CreateContainerConfigError", `secret "cart-db" not found`) }, "SecretMissing", "Deployment/cart"},
	{"config map", down1, func(c *rt.Cluster) { c.Waits("cart", "CreateContainerConfigError", `configmap "cart" not found`) }, "ConfigMapMissing", "Deployment/cart"},
	{"secret's key", down1, func(c *rt.Cluster) {
		c.Waits("cart", "CreateContainerConfigError", "couldn't find key password in Secret shop/cart-db")
	}, "SecretKeyMissing", "Deployment/cart"},
	{"config map's key", down1, func(c *rt.Cluster) {
		c.Waits("cart", "CreateContainerConfigError", "couldn't find key mode in ConfigMap shop/cart")
	}, "ConfigKeyMissing", "Deployment/cart"},
	{"command", down1, func(c *rt.Cluster) { c.Crashes("cart", 127, "StartError") }, "CommandFails", "Deployment/cart"},

	{"probe's port", probed("dial tcp 10.1.0.5:9999: connect: connection refused"), probe(corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(9999)}}), "ProbeWrongPort", "Deployment/cart"},
	{"probe's scheme", probed(`Get "https://10.1.0.5:7000/": http: server gave HTTP response to HTTPS client`), probe(corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: intstr.FromInt32(7000), Scheme: "HTTPS"}}), "ProbeWrongProtocol", "Deployment/cart"},
	{"probe's path", probed("HTTP probe failed with statuscode: 404"), probe(corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: intstr.FromInt32(7000), Path: "/helthz"}}), "ProbeWrongPath", "Deployment/cart"},

	{"memory limit", down1, func(c *rt.Cluster) { c.Crashes("cart", 137, "OOMKilled") }, "OOMKilled", "Deployment/cart"},
	{"signal", down1, func(c *rt.Cluster) { c.Crashes("cart", 134, "Error") }, "CrashedBySignal", "Deployment/cart"},
	{"core dump", down1, dumpsCore, "CrashedBySignal", "Deployment/cart"},
	{"exit code", down1, crash, "ContainerExited", "Deployment/cart"},
	{"port taken", crash, logs("Error: listen EADDRINUSE: address already in use :::7000"), "PortConflict", "Deployment/cart"},
	{"password", crash, logs("Access denied for user 'cart'@'10.1.0.5' (using password: YES)"), "CredentialsRejected", "Deployment/cart"},
	{"database's name", crash, logs("FATAL: Unknown database 'carts'"), "DatabaseMissing", "Deployment/cart"},
	{"certificate", crash, logs("x509: certificate has expired or is not yet valid"), "CertificateExpired", "Deployment/cart"},
	{"disk full", crash, logs("write /data/cart.log: no space left on device"), "VolumeFull", "Deployment/cart"},
	{"rights on a volume", func(c *rt.Cluster) {
		crash(c)
		c.Deployment("cart").Spec.Template.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "data", MountPath: "/data"}}
	}, logs("open /data/cart.db: permission denied"), "VolumePermissionDenied", "Deployment/cart"},
	{"rbac", crash, logs(`configmaps is forbidden: User "system:serviceaccount:shop:cart" cannot list resource "configmaps"`), "RBACDenied", "Deployment/cart"},
	{"setting", crash, logs("missing required environment variable CART_MODE"), "SettingMissing", "Deployment/cart"},
	{"read-only database", cartFails, logs("ERROR 1290: The MySQL server is running with the --read-only option, at cache:6379"), "DatabaseReadOnly", "Deployment/cache"},
	{"connections", cartFails, logs("ERROR 1040: Too many connections, at cache:6379"), "TooManyConnections", "Deployment/cache"},

	{"selector", cartFails, service(func(s *corev1.Service) { s.Spec.Selector = map[string]string{"app": "carts"} }), "ServiceSelectsNothing", "Service/cart"},
	{"target port", cartFails, service(func(s *corev1.Service) { s.Spec.Ports[0].TargetPort = intstr.FromInt32(7001) }), "ServicePortMismatch", "Service/cart"},
	{"protocol", cartFails, service(func(s *corev1.Service) { s.Spec.Ports[0].Protocol = corev1.ProtocolUDP }), "ServiceProtocolMismatch", "Service/cart"},
	{"no service", cartFails, func(c *rt.Cluster) { c.Drop(c.Service("cart")) }, "ServiceMissing", "Service/cart"},
	{"wrong port", cartFails, env("cart", "CACHE_ADDR", "cache:6380"), "AddressWrongPort", "Deployment/cart"},
	{"wrong name", cartFails, env("cart", "CACHE_ADDR", "cachee:6379"), "AddressMisspelt", "Deployment/cart"},
	{"scaled to zero", cartFails, func(c *rt.Cluster) {
		c.Gone("cart")
		zero := int32(0)
		c.Deployment("cart").Spec.Replicas = &zero
	}, "ScaledToZero", "Deployment/cart"},

	{"small volume", unboundClaim, mismatch(func(c *corev1.PersistentVolumeClaim, v *corev1.PersistentVolume) {
		v.Spec.Capacity[corev1.ResourceStorage] = resource.MustParse("1Gi")
	}), "VolumeTooSmall", "PersistentVolumeClaim/data"},
	{"access mode", unboundClaim, mismatch(func(c *corev1.PersistentVolumeClaim, v *corev1.PersistentVolume) {
		c.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany}
	}), "AccessModeMismatch", "PersistentVolumeClaim/data"},
	{"volume's class", unboundClaim, mismatch(func(c *corev1.PersistentVolumeClaim, v *corev1.PersistentVolume) {
		v.Spec.StorageClassName = "fast"
	}), "VolumeClassMismatch", "PersistentVolumeClaim/data"},
	{"volume's labels", unboundClaim, mismatch(func(c *corev1.PersistentVolumeClaim, v *corev1.PersistentVolume) {
		c.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "gold"}}
	}), "VolumeSelectorMismatch", "PersistentVolumeClaim/data"},
	{"volume in use", unboundClaim, mismatch(func(c *corev1.PersistentVolumeClaim, v *corev1.PersistentVolume) {
		v.Spec.ClaimRef = &corev1.ObjectReference{Namespace: rt.Namespace, Name: "other"}
	}), "VolumeBoundElsewhere", "PersistentVolumeClaim/data"},
	{"storage class", unboundClaim, func(c *rt.Cluster) {
		unboundClaim(c)
		c.Drop(rt.Get[corev1.PersistentVolume](c, "disk"))
		c.Drop(rt.Get[storagev1.StorageClass](c, "standard"))
	}, "StorageClassMissing", "PersistentVolumeClaim/data"},

	{"kubelet", down, nodeIs(corev1.ConditionUnknown, "Kubelet stopped posting node status."), "KubeletDown", "Node/n1"},
	{"runtime", down, nodeIs(corev1.ConditionFalse, "container runtime is down"), "RuntimeDown", "Node/n1"},
	{"node's network", down, nodeIs(corev1.ConditionFalse, "container runtime network not ready: cni plugin not initialized"), "CNIDown", "Node/n1"},
	{"disk pressure", down, pressed(corev1.NodeDiskPressure), "NodeDiskPressure", "Node/n1"},
	{"memory pressure", down, pressed(corev1.NodeMemoryPressure), "NodeMemoryPressure", "Node/n1"},
	{"pid pressure", down, pressed(corev1.NodePIDPressure), "NodePIDPressure", "Node/n1"},
	{"etcd", gone, component("etcd", "no-quorum"), "EtcdNoQuorum", "Component/etcd"},
	{"controllers", gone, component("kube-controller-manager", "down"), "ControllerManagerDown", "Component/kube-controller-manager"},
	{"dns", func(c *rt.Cluster) { crash(c); c.Log("cart", "dial tcp: lookup cache: server misbehaving") }, func(c *rt.Cluster) {
		two := int32(2)
		d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "coredns", Namespace: "kube-system"}}
		d.Spec.Replicas = &two
		c.Put(d)
	}, "DNSDown", "Deployment/coredns"},

	{"memory leak", func(c *rt.Cluster) { c.Crashes("cart", 137, "OOMKilled") }, func(c *rt.Cluster) {
		for i := range 10 {
			c.Said = append(c.Said, record.Record{Time: rt.Now.Add(time.Duration(i-60) * time.Minute), Object: rt.Ref(c.Pod("cart")),
				Payload: &record.Usage{Resource: "memory", Container: "cart", Used: float64(50+i*20) * (1 << 20), Capacity: 240 << 20}})
		}
	}, "MemoryLeak", "Deployment/cart"},
	{"removed API", crash, logs(`no matches for kind "CronJob" in version "batch/v1beta1"`), "APIRemoved", "Deployment/cart"},
	{"network policy", func(c *rt.Cluster) { c.Log("web", "dial tcp cart:7000: i/o timeout") }, func(c *rt.Cluster) {
		p := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: "closed", Namespace: rt.Namespace}}
		p.Spec.PodSelector.MatchLabels = map[string]string{"app": "cart"}
		p.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
		c.Put(p)
	}, "NetworkPolicyBlocks", "NetworkPolicy/closed"},
	{"ingress", func(c *rt.Cluster) { c.Alert("web", "HighErrorRate", "5xx errors on web") }, func(c *rt.Cluster) {
		i := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Name: "shop", Namespace: rt.Namespace}}
		i.Spec.Rules = []networkingv1.IngressRule{{Host: "shop.example", IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{{
			Path: "/", Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "wep"}}}}}}}}
		c.Put(i)
	}, "IngressBackendMissing", "Ingress/shop"},
	{"cpu limit", func(c *rt.Cluster) { c.Alert("cart", "HighLatency", "cart is slow (+300%)") }, func(c *rt.Cluster) {
		c.Say(record.Ref{Kind: "Pod", Namespace: rt.Namespace, Name: c.Pod("cart").Name}, &record.Throttling{Container: "cart", Periods: 600, Throttled: 500})
	}, "CPUThrottled", "Deployment/cart"},
	{"slow callee", func(c *rt.Cluster) { c.Alert("web", "HighLatency", "web is slow (+300%)") }, func(c *rt.Cluster) {
		c.Alert("cart", "HighLatency", "cart is slow (+4000%)")
	}, "NetworkSlow", "Deployment/cart"},
}

func down1(c *rt.Cluster) { c.Down("cart") }
