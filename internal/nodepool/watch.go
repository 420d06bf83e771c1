package nodepool

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

// watches are the informers of a session.
type watches struct {
	factory informers.SharedInformerFactory
	brakes  cache.SharedIndexInformer
	// The informers that a decision reads.
	nodes, pods, budgets, daemons, replicaSets, jobs cache.SharedIndexInformer
}

// watch prepares the informers; they are started once the simulation has added its
// own.
func (c *Controller) watch() (*watches, error) {
	f := informers.NewSharedInformerFactoryWithOptions(c.opts.API.client, 0, informers.WithTransform(lean))
	w := &watches{factory: f, brakes: c.opts.API.informer("brakes", &v1alpha1.Brake{}),
		nodes: f.Core().V1().Nodes().Informer(), pods: f.Core().V1().Pods().Informer(), budgets: f.Policy().V1().PodDisruptionBudgets().Informer(),
		daemons: f.Apps().V1().DaemonSets().Informer(), replicaSets: f.Apps().V1().ReplicaSets().Informer(), jobs: f.Batch().V1().Jobs().Informer()}
	for _, h := range []struct {
		informer cache.SharedIndexInformer
		matters  func(old, now any) bool
	}{{w.nodes, nodeMatters}, {w.pods, podMatters}, {w.brakes, func(any, any) bool { return true }}} {
		_, err := h.informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    func(any) { c.notify() },
			DeleteFunc: func(any) { c.notify() },
			UpdateFunc: func(old, now any) {
				if h.matters(old, now) {
					c.notify()
				}
			},
		})
		if err != nil {
			return nil, fmt.Errorf("watch what node pools need: %w", err)
		}
	}
	return w, nil
}

// lean spares the memory of what nobody here reads.
func lean(object any) (any, error) {
	if m, ok := object.(metav1.Object); ok {
		m.SetManagedFields(nil)
	}
	if rs, ok := object.(*appsv1.ReplicaSet); ok {
		rs.Spec.Template, rs.Status = corev1.PodTemplateSpec{}, appsv1.ReplicaSetStatus{}
	}
	if job, ok := object.(*batchv1.Job); ok {
		job.Spec.Template, job.Status = corev1.PodTemplateSpec{}, batchv1.JobStatus{}
	}
	return object, nil
}

// nodeMatters says whether a node changed in more than its heartbeat.
func nodeMatters(old, now any) bool {
	a, ok := old.(*corev1.Node)
	b, also := now.(*corev1.Node)
	if !ok || !also || !equality.Semantic.DeepEqual(a.Spec, b.Spec) || !equality.Semantic.DeepEqual(a.Status.Allocatable, b.Status.Allocatable) ||
		!equality.Semantic.DeepEqual(a.Annotations, b.Annotations) || len(a.Status.Conditions) != len(b.Status.Conditions) {
		return true
	}
	for i := range a.Status.Conditions {
		if a.Status.Conditions[i].Type != b.Status.Conditions[i].Type || a.Status.Conditions[i].Status != b.Status.Conditions[i].Status {
			return true
		}
	}
	return false
}

// podMatters says whether a pod changed in what is looked at here.
func podMatters(old, now any) bool {
	a, ok := old.(*corev1.Pod)
	b, also := now.(*corev1.Pod)
	return !ok || !also || a.Spec.NodeName != b.Spec.NodeName || a.Status.Phase != b.Status.Phase || (a.DeletionTimestamp == nil) != (b.DeletionTimestamp == nil) ||
		podCondition(a, corev1.PodScheduled) != podCondition(b, corev1.PodScheduled) || podCondition(a, corev1.PodReady) != podCondition(b, corev1.PodReady)
}

func podCondition(p *corev1.Pod, kind corev1.PodConditionType) string {
	for i := range p.Status.Conditions {
		if p.Status.Conditions[i].Type == kind {
			return string(p.Status.Conditions[i].Status) + p.Status.Conditions[i].Reason
		}
	}
	return ""
}

// start starts all and waits until they know the cluster; false: ctx ended.
func (w *watches) start(ctx context.Context) bool {
	w.factory.StartWithContext(ctx)
	go w.brakes.RunWithContext(ctx)
	w.factory.WaitForCacheSync(ctx.Done())
	return cache.WaitForCacheSync(ctx.Done(), w.brakes.HasSynced)
}

// listOf is all that an informer knows.
func listOf[T any](i cache.SharedIndexInformer) []T {
	objects := i.GetStore().List()
	out := make([]T, 0, len(objects))
	for _, o := range objects {
		if t, ok := o.(T); ok {
			out = append(out, t)
		}
	}
	return out
}

// owner is the topmost owner of a pod: of a ReplicaSet's the Deployment, of a Job's
// the CronJob.
func (w *watches) owner(p *corev1.Pod) v1alpha1.ObjectRef {
	ref := v1alpha1.ObjectRef{Kind: "Pod", Namespace: p.Namespace, Name: p.Name}
	c := metav1.GetControllerOf(p)
	for c != nil {
		ref = v1alpha1.ObjectRef{Kind: c.Kind, Namespace: p.Namespace, Name: c.Name}
		if c.Kind == "Node" { // a mirror of a static pod
			ref.Namespace = ""
		}
		var above cache.SharedIndexInformer
		switch c.Kind {
		case "ReplicaSet":
			above = w.replicaSets
		case "Job":
			above = w.jobs
		default:
			return ref
		}
		object, known, err := above.GetStore().GetByKey(p.Namespace + "/" + c.Name)
		m, ok := object.(metav1.Object)
		if err != nil || !known || !ok {
			return ref
		}
		c = metav1.GetControllerOf(m)
	}
	return ref
}
