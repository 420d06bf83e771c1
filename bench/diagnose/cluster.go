package main

import (
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// perApp is how many pods a Deployment of the made clusters has, crashing which of
// its Deployments aborts at each start.
const (
	perApp   = 20
	crashing = 7
)

// app is the n-th Deployment of a made cluster, with objects of the size that
// they have in real ones.
type app struct {
	n         int
	namespace string
	name      string
	began     metav1.Time
}

func appOf(n int, began time.Time) app {
	return app{n, fmt.Sprintf("team-%d", n%50), fmt.Sprintf("app-%d", n), metav1.NewTime(began)}
}

func (a app) labels() map[string]string {
	return map[string]string{"app.kubernetes.io/name": a.name, "app.kubernetes.io/part-of": a.namespace}
}

func (a app) template() corev1.PodSpec {
	var spec corev1.PodSpec
	for _, name := range []string{"server", "proxy"} {
		c := corev1.Container{
			Name: name, Image: "registry.example.com/" + a.namespace + "/" + a.name + ":v1.2.3", ImagePullPolicy: corev1.PullIfNotPresent,
			Ports:                  []corev1.ContainerPort{{ContainerPort: 8080, Name: "http", Protocol: corev1.ProtocolTCP}},
			TerminationMessagePath: "/dev/termination-log", TerminationMessagePolicy: corev1.TerminationMessageReadFile,
			VolumeMounts: []corev1.VolumeMount{{Name: "settings", MountPath: "/etc/" + a.name, ReadOnly: true}},
		}
		for i := range min(6, a.n) { // it calls those before it, which all are there
			to := appOf(a.n-i-1, a.began.Time)
			c.Env = append(c.Env, corev1.EnvVar{Name: fmt.Sprintf("UPSTREAM_%d_ADDR", i), Value: to.name + "." + to.namespace + ".svc.cluster.local:8080"})
		}
		c.Resources.Limits = corev1.ResourceList{"cpu": resource.MustParse("500m"), "memory": resource.MustParse("256Mi")}
		c.Resources.Requests = corev1.ResourceList{"cpu": resource.MustParse("50m"), "memory": resource.MustParse("128Mi")}
		c.ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/ready", Port: intstr.FromInt32(8080), Scheme: corev1.URISchemeHTTP}}, TimeoutSeconds: 1, PeriodSeconds: 10, SuccessThreshold: 1, FailureThreshold: 3}
		spec.Containers = append(spec.Containers, c)
	}
	spec.Volumes = []corev1.Volume{{Name: "settings", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: a.name}}}}}
	spec.RestartPolicy, spec.DNSPolicy, spec.SchedulerName, spec.ServiceAccountName = corev1.RestartPolicyAlways, corev1.DNSClusterFirst, corev1.DefaultSchedulerName, "default"
	return spec
}

func (a app) meta(kind, version string) (metav1.TypeMeta, metav1.ObjectMeta) {
	return metav1.TypeMeta{Kind: kind, APIVersion: version}, metav1.ObjectMeta{
		Name: a.name, Namespace: a.namespace, UID: uid(kind, a.n), ResourceVersion: "1", Generation: 1, CreationTimestamp: a.began, Labels: a.labels(),
	}
}

func (a app) deployment() *appsv1.Deployment {
	d := &appsv1.Deployment{}
	d.TypeMeta, d.ObjectMeta = a.meta("Deployment", "apps/v1")
	n := int32(perApp)
	d.Spec = appsv1.DeploymentSpec{Replicas: &n, Selector: &metav1.LabelSelector{MatchLabels: a.labels()}, Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: a.labels()}, Spec: a.template()}}
	d.Status = appsv1.DeploymentStatus{Replicas: n, UpdatedReplicas: n, ReadyReplicas: n, AvailableReplicas: n, ObservedGeneration: 1}
	if a.n == crashing {
		d.Status.ReadyReplicas, d.Status.AvailableReplicas = 0, 0
	}
	return d
}

func (a app) service() *corev1.Service {
	s := &corev1.Service{}
	s.TypeMeta, s.ObjectMeta = a.meta("Service", "v1")
	s.Spec = corev1.ServiceSpec{Selector: a.labels(), Type: corev1.ServiceTypeClusterIP, ClusterIP: fmt.Sprintf("10.96.%d.%d", a.n/250%250, 1+a.n%250), Ports: []corev1.ServicePort{{Name: "http", Port: 8080, TargetPort: intstr.FromString("http"), Protocol: corev1.ProtocolTCP}}}
	return s
}

func (a app) podName(i int) string { return fmt.Sprintf("%s-64ddc5c766-%s", a.name, suffix(i)) }

// suffix is five characters, as generated names end.
func suffix(i int) string {
	const letters = "bcdfghjklmnpqrstvwxz2456789"
	var s [5]byte
	for n := range s {
		s[n] = letters[i%len(letters)]
		i /= len(letters)
	}
	return string(s[:])
}

// pod is the i-th pod, on one of so many nodes. At now, those of the crashing app
// have aborted so many times, the last time ten seconds ago.
func (a app) pod(i, nodes, restarts int, now time.Time) *corev1.Pod {
	p := &corev1.Pod{}
	p.TypeMeta, p.ObjectMeta = a.meta("Pod", "v1")
	p.Name, p.UID, p.GenerateName = a.podName(i), uid("pod", a.n*perApp+i), a.name+"-64ddc5c766-"
	p.Labels["pod-template-hash"] = "64ddc5c766"
	yes := true
	p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: a.name + "-64ddc5c766", UID: uid("set", a.n), Controller: &yes, BlockOwnerDeletion: &yes}}
	p.Spec = a.template()
	p.Spec.NodeName = nodeName((a.n*perApp + i) % nodes)
	p.Status = corev1.PodStatus{Phase: corev1.PodRunning, PodIP: fmt.Sprintf("10.%d.%d.%d", 128+a.n/2500, a.n*perApp/250%250, 1+(a.n*perApp+i)%250), HostIP: "10.0.0.1", StartTime: &a.began, QOSClass: corev1.PodQOSBurstable}
	ready := corev1.ConditionTrue
	for _, c := range p.Spec.Containers {
		s := corev1.ContainerStatus{Name: c.Name, Ready: true, Image: c.Image, ImageID: "registry.example.com/x@sha256:" + longHex(a.n), ContainerID: "containerd://" + longHex(i), State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: a.began}}}
		if a.n == crashing && c.Name == "server" && restarts > 0 {
			ready = corev1.ConditionFalse
			ended := metav1.NewTime(now.Add(-10 * time.Second))
			s.Ready, s.RestartCount = false, int32(restarts)
			s.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: "back-off 40s restarting failed container=server pod=" + p.Name}}
			s.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: 134, Reason: "Error", StartedAt: metav1.NewTime(ended.Add(-3 * time.Second)), FinishedAt: ended}
		}
		p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, s)
	}
	for _, t := range []corev1.PodConditionType{corev1.PodReady, corev1.ContainersReady, corev1.PodInitialized, corev1.PodScheduled} {
		c := corev1.PodCondition{Type: t, Status: corev1.ConditionTrue, LastTransitionTime: a.began}
		if ready == corev1.ConditionFalse && (t == corev1.PodReady || t == corev1.ContainersReady) {
			c.Status, c.Reason, c.Message, c.LastTransitionTime = ready, "ContainersNotReady", "containers with unready status: [server]", metav1.NewTime(now.Add(-13*time.Second))
		}
		p.Status.Conditions = append(p.Status.Conditions, c)
	}
	return p
}

// event is one that the kubelet writes of the pod: of the crashing app a warning,
// else that an image is there.
func (a app) event(i int, count int32, now time.Time) *corev1.Event {
	e := &corev1.Event{TypeMeta: metav1.TypeMeta{Kind: "Event", APIVersion: "v1"}}
	e.ObjectMeta = metav1.ObjectMeta{Name: a.podName(i) + ".18a1b2c3d4e5f6a7", Namespace: a.namespace, UID: uid("event", a.n*perApp+i), CreationTimestamp: a.began}
	e.InvolvedObject = corev1.ObjectReference{Kind: "Pod", APIVersion: "v1", Namespace: a.namespace, Name: a.podName(i), UID: uid("pod", a.n*perApp+i), FieldPath: "spec.containers{server}"}
	e.Source, e.ReportingController = corev1.EventSource{Component: "kubelet", Host: nodeName(i)}, "kubelet"
	e.Type, e.Reason, e.Count = corev1.EventTypeNormal, "Pulled", count
	e.Message = fmt.Sprintf("Container image \"registry.example.com/%s/%s:v1.2.3\" already present on machine and can be accessed by the pod", a.namespace, a.name)
	e.FirstTimestamp, e.LastTimestamp = a.began, metav1.NewTime(now.Add(-8*time.Second))
	if a.n == crashing {
		e.Type, e.Reason = corev1.EventTypeWarning, "BackOff"
		e.Message = fmt.Sprintf("Back-off restarting failed container server in pod %s_%s(%s)", a.podName(i), a.namespace, uid("pod", a.n*perApp+i))
	}
	return e
}

func nodeName(i int) string { return fmt.Sprintf("node-%04d", i) }

func node(i int, began time.Time) *corev1.Node {
	n := &corev1.Node{TypeMeta: metav1.TypeMeta{Kind: "Node", APIVersion: "v1"}}
	n.ObjectMeta = metav1.ObjectMeta{Name: nodeName(i), UID: uid("node", i), CreationTimestamp: metav1.NewTime(began), Labels: map[string]string{"kubernetes.io/hostname": nodeName(i), "topology.kubernetes.io/zone": fmt.Sprintf("zone-%d", i%3)}}
	n.Status.Capacity = corev1.ResourceList{"cpu": resource.MustParse("16"), "memory": resource.MustParse("64Gi"), "pods": resource.MustParse("110")}
	n.Status.Allocatable = n.Status.Capacity
	for _, t := range []corev1.NodeConditionType{corev1.NodeReady, corev1.NodeMemoryPressure, corev1.NodeDiskPressure, corev1.NodePIDPressure} {
		c := corev1.NodeCondition{Type: t, Status: corev1.ConditionFalse, LastHeartbeatTime: metav1.NewTime(began), LastTransitionTime: metav1.NewTime(began)}
		if t == corev1.NodeReady {
			c.Status = corev1.ConditionTrue
		}
		n.Status.Conditions = append(n.Status.Conditions, c)
	}
	return n
}
