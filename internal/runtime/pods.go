package runtime

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const (
	// graceAnnotation is where the kubelet notes a pod's grace on its containers.
	graceAnnotation = "io.kubernetes.pod.terminationGracePeriod"
	// defaultGrace is for containers that do not say, as for pods in the API.
	defaultGrace = 30 * time.Second
	// stopReserve is kept of the context's time for what comes after a
	// container's grace: killing it, taking down its network.
	stopReserve = 5 * time.Second
	// stopParallel bounds how many pods stop at a time.
	stopParallel = 32
)

// StopPods stops all pods in parallel, each container with its grace as far as
// ctx gives time for it, and returns when the last one has stopped or ctx ends,
// with what did not stop. Nothing must start pods meanwhile: stop the kubelet
// first. The pods stay known to the kubelet, which starts them again later; Stopped
// tells then why they ended.
func (r *Runtime) StopPods(ctx context.Context) error {
	running, _ := r.Processes()
	if running == 0 {
		return fmt.Errorf("stop pods: %w", ErrNotReady)
	}
	pods, err := r.connection.pods()
	if err != nil {
		return err
	}
	// That it cannot be noted, as on a full disk, must not keep them running.
	if err := r.noteStopped(Stopped{At: time.Now()}); err != nil {
		r.options.Logger.Warn("the diagnosis will not know why containers ended", "err", err)
	}
	sandboxes, err := pods.ListPodSandbox(ctx, &cri.ListPodSandboxRequest{Filter: &cri.PodSandboxFilter{
		State: &cri.PodSandboxStateValue{State: cri.PodSandboxState_SANDBOX_READY},
	}})
	if err != nil {
		return fmt.Errorf("stop pods: %w", err)
	}
	var group errgroup.Group
	group.SetLimit(stopParallel)
	errs := make([]error, len(sandboxes.Items))
	for i, sandbox := range sandboxes.Items {
		group.Go(func() error {
			if err := stopPod(ctx, pods, sandbox.Id); err != nil {
				errs[i] = fmt.Errorf("stop pod %s/%s: %w", sandbox.Metadata.GetNamespace(), sandbox.Metadata.GetName(), err)
			}
			return nil
		})
	}
	_ = group.Wait()
	return errors.Join(errs...)
}

// stopPod ends a pod's containers, all at once, then its sandbox and network.
// Ending the sandbox alone would kill the containers without grace.
func stopPod(ctx context.Context, pods cri.RuntimeServiceClient, id string) error {
	containers, err := pods.ListContainers(ctx, &cri.ListContainersRequest{Filter: &cri.ContainerFilter{
		PodSandboxId: id,
		State:        &cri.ContainerStateValue{State: cri.ContainerState_CONTAINER_RUNNING},
	}})
	if err != nil {
		return err
	}
	var group errgroup.Group
	for _, container := range containers.Containers {
		group.Go(func() error {
			_, err := pods.StopContainer(ctx, &cri.StopContainerRequest{
				ContainerId: container.Id,
				Timeout:     graceSeconds(ctx, container.Annotations),
			})
			return err
		})
	}
	stopErr := group.Wait()
	_, err = pods.StopPodSandbox(ctx, &cri.StopPodSandboxRequest{PodSandboxId: id})
	if err != nil {
		return errors.Join(stopErr, err)
	}
	return nil // the sandbox took along what did not stop by itself
}

// graceSeconds returns a container's grace, as far as the context leaves time
// for it.
func graceSeconds(ctx context.Context, annotations map[string]string) int64 {
	grace := defaultGrace
	if seconds, err := strconv.ParseInt(annotations[graceAnnotation], 10, 32); err == nil && seconds >= 0 {
		grace = time.Duration(seconds) * time.Second
	}
	if deadline, ok := ctx.Deadline(); ok {
		grace = max(0, min(grace, time.Until(deadline)-stopReserve))
	}
	return int64(grace / time.Second)
}
