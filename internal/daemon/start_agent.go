package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/bulkhead-k8s/bulkhead/internal/kube"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/membership"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime"
)

// startAgent brings up a node of a cluster whose server is elsewhere, and returns
// when pods can be scheduled to it.
func (d *Daemon) startAgent(ctx context.Context) error {
	if !d.isNewCluster() {
		return fmt.Errorf("%s is that of a server; choose another --data-dir for an agent, or run `bulkhead reset` first", d.config.DataDir)
	}
	end := d.stages.Begin("joined the cluster")
	member, err := membership.Join(ctx, membership.Options{
		DataDir: d.config.DataDir, Server: d.config.Server, Token: d.config.Token, NodeName: d.config.NodeName,
	})
	end(err)
	if err != nil {
		return err
	}
	if err := d.refuseRemoved(ctx, member); err != nil {
		return err
	}
	slog.Info("this machine is a member", "server", member.Server, "again", member.Rejoined)
	d.config.Server = member.Server
	member.Settings.Apply(d.config)
	if err := d.startRuntime(); err != nil {
		return err
	}
	options := &kube.Options{Config: d.config, Stages: d.stages, Member: member, RuntimeEndpoint: d.runtime.Endpoint()}
	components, err := kube.New(options)
	if err != nil {
		return err
	}
	d.mu.Lock()
	d.kube = components
	d.mu.Unlock()
	d.startKubelet()
	client, err := d.connect(options)
	if err != nil {
		return err
	}
	if err := d.observeAgent(options); err != nil {
		return err
	}
	if err := d.startNode(ctx, options, client); err != nil {
		return err
	}
	node, err := client.CoreV1().Nodes().Get(ctx, d.config.NodeName, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("look for this node: %w", err)
	}
	if err := member.Remember(node.UID); err != nil {
		return err
	}
	d.endWhenRemoved(client, member, node.UID)
	return nil
}

// errRemoved indicates a machine whose node was removed from the cluster.
var errRemoved = errors.New("this node was removed from the cluster; `bulkhead reset` removes what is left of it here, and `bulkhead join` with a new token makes it a node again")

// refuseRemoved does not let a node come back that was removed from the cluster while
// this machine was off, and stops its pods.
func (d *Daemon) refuseRemoved(ctx context.Context, member *membership.Member) error {
	client, err := kubernetes.NewForConfig(member.RESTConfig())
	if err != nil {
		return fmt.Errorf("make this node's client: %w", err)
	}
	removed, err := member.WasRemoved(ctx, client, d.config.NodeName)
	if err != nil || !removed {
		return err
	}
	return errors.Join(errRemoved, d.endPods(ctx), member.Leave())
}

// endPods stops what the last daemon has left running.
func (d *Daemon) endPods(ctx context.Context) error {
	r, err := runtime.New(runtime.Options{DataDir: d.config.DataDir, CgroupRoot: d.config.CgroupRoot()})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, endPodsLimit)
	defer cancel()
	if err := r.StopPods(ctx); errors.Is(err, runtime.ErrNotReady) {
		return nil // nothing runs
	} else if err != nil {
		return err
	}
	return r.StopContainerd(ctx)
}

// endPodsLimit bounds the orderly end of a removed node's pods.
const endPodsLimit = time.Minute
