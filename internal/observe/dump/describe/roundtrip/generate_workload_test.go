package roundtrip

import (
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	quantity "k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/resource"
)

func (g *generator) state() corev1.ContainerState {
	switch g.IntN(3) {
	case 0:
		return corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: g.time()}}
	case 1:
		return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
	}
	t := &corev1.ContainerStateTerminated{Reason: "Error", ExitCode: int32(1 + g.IntN(139)), StartedAt: g.time(), FinishedAt: g.time()}
	if g.maybe() {
		t.Message = "panic: x\n\ngoroutine 1 [running]:\nmain.main()\n    /app/main.go:3"
	}
	return corev1.ContainerState{Terminated: t}
}

func (g *generator) pod() resource.Object {
	p := &corev1.Pod{ObjectMeta: g.controlled(g.meta(), "ReplicaSet"), Spec: g.podSpec()}
	priority, start := int32(g.IntN(1000)), g.time()
	p.Spec.Priority = &priority
	p.Status.Phase = corev1.PodRunning
	p.Status.QOSClass = corev1.PodQOSBurstable
	if g.maybe() {
		p.Spec.NodeName, p.Status.HostIP, p.Status.StartTime = "node-1", "10.0.0.1", &start
		p.Status.PodIP, p.Status.PodIPs = "172.20.1.7", []corev1.PodIP{{IP: "172.20.1.7"}, {IP: "fd00::7"}}
	}
	if g.IntN(4) == 0 {
		p.Status.Phase, p.Status.Reason, p.Status.Message = corev1.PodFailed, "Evicted", "The node was low on resource: memory. "
		p.Status.Message = p.Status.Message[:len(p.Status.Message)-1]
	}
	statuses := func(in []corev1.Container) (out []corev1.ContainerStatus) {
		for _, c := range in {
			s := corev1.ContainerStatus{Name: c.Name, Image: c.Image, ImageID: "registry/x@sha256:00ff", ContainerID: "containerd://0a", Ready: g.maybe(), RestartCount: int32(g.IntN(20)), State: g.state()}
			if last := g.state(); last.Terminated != nil {
				s.LastTerminationState = last
			}
			out = append(out, s)
		}
		return out
	}
	if g.IntN(4) > 0 {
		p.Status.ContainerStatuses = statuses(p.Spec.Containers)
		p.Status.InitContainerStatuses = statuses(p.Spec.InitContainers)
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse}, {Type: corev1.PodScheduled, Status: corev1.ConditionTrue}}
	}
	return p
}

func workloadGenerators() map[string]func(g *generator) resource.Object {
	return map[string]func(g *generator) resource.Object{
		"Pod": func(g *generator) resource.Object { return g.pod() },
		"Deployment": func(g *generator) resource.Object {
			n, unavailable, surge := int32(g.IntN(9)), intstr.FromString("25%"), intstr.FromInt32(1)
			d := &appsv1.Deployment{ObjectMeta: g.meta()}
			d.CreationTimestamp = g.time()
			d.Spec = appsv1.DeploymentSpec{Replicas: &n, Selector: g.selector(), Template: g.template(), MinReadySeconds: int32(g.IntN(3))}
			d.Spec.Strategy = appsv1.DeploymentStrategy{Type: "Recreate"}
			if g.maybe() {
				d.Spec.Strategy = appsv1.DeploymentStrategy{Type: "RollingUpdate", RollingUpdate: &appsv1.RollingUpdateDeployment{MaxUnavailable: &unavailable, MaxSurge: &surge}}
			}
			d.Status = appsv1.DeploymentStatus{Replicas: n, UpdatedReplicas: n, AvailableReplicas: n / 2, UnavailableReplicas: n - n/2}
			d.Status.Conditions = []appsv1.DeploymentCondition{{Type: "Available", Status: "False", Reason: "MinimumReplicasUnavailable"}, {Type: "Progressing", Status: "True", Reason: "ReplicaSetUpdated"}}
			return d
		},
		"ReplicaSet": func(g *generator) resource.Object {
			n := int32(g.IntN(9))
			s := &appsv1.ReplicaSet{ObjectMeta: g.controlled(g.meta(), "Deployment"), Spec: appsv1.ReplicaSetSpec{Replicas: &n, Selector: g.selector(), Template: g.template()}}
			s.Status.Replicas = int32(g.IntN(9))
			if g.maybe() {
				s.Status.Conditions = []appsv1.ReplicaSetCondition{{Type: "ReplicaFailure", Status: "True", Reason: "FailedCreate"}}
			}
			return s
		},
		"StatefulSet": func(g *generator) resource.Object {
			n, class, partition := int32(g.IntN(9)), "fast", int32(1)
			s := &appsv1.StatefulSet{ObjectMeta: g.meta()}
			s.CreationTimestamp = g.time()
			s.Spec = appsv1.StatefulSetSpec{Replicas: &n, Selector: g.selector(), Template: g.template(), ServiceName: "db", PodManagementPolicy: "Parallel"}
			s.Spec.UpdateStrategy = appsv1.StatefulSetUpdateStrategy{Type: "RollingUpdate", RollingUpdate: &appsv1.RollingUpdateStatefulSetStrategy{Partition: &partition}}
			s.Spec.VolumeClaimTemplates = []corev1.PersistentVolumeClaim{{ObjectMeta: metav1.ObjectMeta{Name: "data"}, Spec: corev1.PersistentVolumeClaimSpec{
				StorageClassName: &class, AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
				Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{"storage": quantity.MustParse("10Gi")}}}}}
			s.Status.Replicas = int32(g.IntN(9))
			return s
		},
		"DaemonSet": func(g *generator) resource.Object {
			d := &appsv1.DaemonSet{ObjectMeta: g.meta(), Spec: appsv1.DaemonSetSpec{Selector: g.selector(), Template: g.template()}}
			d.Status = appsv1.DaemonSetStatus{DesiredNumberScheduled: 3, CurrentNumberScheduled: 2, UpdatedNumberScheduled: 1, NumberAvailable: int32(g.IntN(3)), NumberMisscheduled: 1}
			return d
		},
		"Job": func(g *generator) resource.Object {
			one, mode, suspend, limit, deadline := int32(1), batchv1.NonIndexedCompletion, g.maybe(), int32(6), int64(120)
			j := &batchv1.Job{ObjectMeta: g.controlled(g.meta(), "CronJob")}
			j.Spec = batchv1.JobSpec{Parallelism: &one, Completions: &one, CompletionMode: &mode, Suspend: &suspend, BackoffLimit: &limit, ActiveDeadlineSeconds: &deadline, Selector: g.selector(), Template: g.template()}
			at := g.time()
			j.Status = batchv1.JobStatus{StartTime: &at, Active: int32(g.IntN(2)), Failed: int32(g.IntN(7)), Succeeded: 1}
			if g.maybe() {
				j.Status.CompletionTime = &at
			}
			return j
		},
		"CronJob": func(g *generator) resource.Object {
			zone, three, suspend, deadline, at := "Europe/Vienna", int32(3), g.maybe(), int64(60), g.time()
			c := &batchv1.CronJob{ObjectMeta: g.meta()}
			c.Spec = batchv1.CronJobSpec{Schedule: "*/5 * * * *", ConcurrencyPolicy: "Forbid", Suspend: &suspend, TimeZone: &zone,
				SuccessfulJobsHistoryLimit: &three, FailedJobsHistoryLimit: &three, StartingDeadlineSeconds: &deadline}
			c.Spec.JobTemplate.Spec.Template = g.template()
			c.Spec.JobTemplate.Spec.Parallelism = &three
			if g.maybe() {
				c.Status.LastScheduleTime = &at
				c.Status.Active = []corev1.ObjectReference{{APIVersion: "batch/v1", Kind: "Job", Namespace: "shop", Name: "report-1"}, {APIVersion: "batch/v1", Kind: "Job", Namespace: "shop", Name: "report-2"}}
			}
			return c
		},
	}
}
