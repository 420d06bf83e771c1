package servingcerts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
)

// Approver approves requests as they come.
type Approver struct {
	client  kubernetes.Interface
	taken   Claims
	factory informers.SharedInformerFactory
	queue   workqueue.TypedRateLimitingInterface[string]
}

// New returns an approver; nothing runs before Run.
func New(client kubernetes.Interface, taken Claims) *Approver {
	return &Approver{
		client: client, taken: taken,
		factory: informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTweakListOptions(func(o *metav1.ListOptions) {
			o.FieldSelector = fields.OneTermEqualSelector("spec.signerName", certificatesv1.KubeletServingSignerName).String()
		})),
		queue: workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[string](100*time.Millisecond, time.Minute)),
	}
}

// Run works until ctx ends, and returns nil then.
func (a *Approver) Run(ctx context.Context) error {
	informer := a.factory.Certificates().V1().CertificateSigningRequests().Informer()
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(object any) {
			if request, ok := object.(*certificatesv1.CertificateSigningRequest); ok && len(request.Status.Conditions) == 0 {
				a.queue.Add(request.Name)
			}
		},
	})
	if err != nil {
		return fmt.Errorf("watch the kubelets' certificate requests: %w", err)
	}
	a.factory.StartWithContext(ctx)
	defer a.factory.Shutdown()
	go func() {
		<-ctx.Done()
		a.queue.ShutDown()
	}()
	for {
		name, ended := a.queue.Get()
		if ended {
			return nil
		}
		if err := a.handle(ctx, name); err != nil && ctx.Err() == nil {
			slog.Debug("certificate request is looked at again", "name", name, "err", err)
			a.queue.AddRateLimited(name)
		} else {
			a.queue.Forget(name)
		}
		a.queue.Done(name)
	}
}

// handle approves or denies one request; an error means to look again later.
func (a *Approver) handle(ctx context.Context, name string) error {
	request, err := a.client.CertificatesV1().CertificateSigningRequests().Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if len(request.Status.Conditions) > 0 {
		return nil
	}
	nodes, err := a.nodes(ctx)
	if err != nil {
		return err
	}
	condition := certificatesv1.CertificateSigningRequestCondition{
		Type: certificatesv1.CertificateApproved, Status: v1.ConditionTrue,
		Reason: "OwnAddresses", Message: "a node's own name and addresses",
	}
	if refusal := judge(request, nodes, a.taken); errors.Is(refusal, errLater) {
		return refusal
	} else if refusal != nil {
		slog.Warn("refused a kubelet's certificate", "request", name, "user", request.Spec.Username, "reason", refusal)
		condition.Type, condition.Reason, condition.Message = certificatesv1.CertificateDenied, "NotItsOwn", refusal.Error()
	}
	request.Status.Conditions = append(request.Status.Conditions, condition)
	_, err = a.client.CertificatesV1().CertificateSigningRequests().UpdateApproval(ctx, name, request, metav1.UpdateOptions{})
	return err
}

// nodes are read when they are needed: twice in a node's life or so.
func (a *Approver) nodes(ctx context.Context) ([]*v1.Node, error) {
	list, err := a.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{ResourceVersion: "0"})
	if err != nil {
		return nil, err
	}
	nodes := make([]*v1.Node, len(list.Items))
	for i := range list.Items {
		nodes[i] = &list.Items[i]
	}
	return nodes, nil
}
