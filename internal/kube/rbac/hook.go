package rbac

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
	rbacrest "k8s.io/kubernetes/pkg/registry/rbac/rest"
)

// HookName is that of upstream's hook, so that it has the same health check.
const HookName = rbacrest.PostStartHookName

// How often, and for how long, an attempt that failed is made again. Upstream
// gives up after 30 s, which ends the process; a machine that is short of
// processors at a start needs longer, and has nothing better to do.
const (
	retryEvery = time.Second
	giveUp     = 3 * time.Minute
)

// Hook is the post-start hook.
func Hook(hook genericapiserver.PostStartHookContext) error {
	client, err := kubernetes.NewForConfig(hook.LoopbackClientConfig)
	if err != nil {
		return fmt.Errorf("initialize roles: %w", err)
	}
	var last error
	err = wait.PollUntilContextTimeout(hook, retryEvery, giveUp, true, func(ctx context.Context) (bool, error) {
		if last = ensure(ctx, client); last != nil {
			klog.ErrorS(last, "Roles were not initialized and are tried again")
		}
		return last == nil, nil
	})
	if err != nil && hook.Err() == nil {
		// The API server ends: without roles nothing works.
		return fmt.Errorf("initialize roles: %w", last)
	}
	return nil
}
