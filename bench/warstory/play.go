package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/examples/warstory"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/coredump/corepattern"
	"github.com/bulkhead-k8s/bulkhead/test/cluster"
)

//go:embed manifests/*.yaml
var manifests embed.FS

const (
	startLimit = 4 * time.Minute
	calm       = 20 * time.Second
	// quiet is how long nothing may have been wrong for the end to count as stable.
	quiet = 15 * time.Second
	// neighbourSpace has the neighbours.
	neighbourSpace = "neighbours"
)

// stage is the cluster that a side is played on.
type stage struct {
	*cluster.Cluster
	kube kubernetes.Interface
}

// play plays one side on a cluster of its own.
func play(ctx context.Context, s side, o options) (_ *result, err error) {
	say("%s: starting a cluster with %d nodes", s.name, o.nodes)
	c, err := cluster.New(ctx, cluster.Options{Label: "bh-war", Args: append([]string{
		"--node-name=server", "--node-taint=role=server:NoSchedule",
		// The disk of the server's node is the whole machine's, and no part of this.
		"--kubelet-arg=eviction-hard=nodefs.available<1Gi,imagefs.available<1Gi", "--kubelet-arg=image-gc-high-threshold=100",
	}, s.args...)})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			c.WriteLogs(os.Stderr, 40)
		}
		err = errors.Join(err, keepLogs(c, s, o), c.Remove(context.WithoutCancel(ctx)))
	}()
	if s.corePattern != "" {
		former, err := corepattern.Current()
		if err != nil {
			return nil, err
		}
		if other := corepattern.Ours(former); other != "" {
			return nil, fmt.Errorf("core dumps of this machine are handled by the Bulkhead of %s; stop it first: here they are to go to the nodes' disks", other)
		}
		if err := corepattern.Set(s.corePattern); err != nil {
			return nil, err
		}
		defer func() { _ = corepattern.Set(former) }() // the next side sets its own
	}
	if err := provide(c, o.archives); err != nil {
		return nil, err
	}
	if err := c.Start(ctx); err != nil {
		return nil, err
	}
	st := &stage{Cluster: c}
	access, err := c.REST()
	if err != nil {
		return nil, err
	}
	if st.kube, err = kubernetes.NewForConfig(access); err != nil {
		return nil, err
	}
	if err := st.setUp(ctx, s, o); err != nil {
		return nil, err
	}
	r, err := st.measure(ctx, s, o)
	return r, errors.Join(err, s.undisturbed())
}

// provide puts the images where every new node finds them.
func provide(c *cluster.Cluster, archives map[string]string) error {
	if err := os.MkdirAll(c.Config.ImageDir, 0o755); err != nil {
		return err
	}
	for name, path := range archives {
		data, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(filepath.Join(c.Config.ImageDir, name), data, 0o644)
		}
		if err != nil {
			return fmt.Errorf("provide an image: %w", err)
		}
	}
	return nil
}

func keepLogs(c *cluster.Cluster, s side, o options) error {
	if o.keep == "" {
		return nil
	}
	logs, _ := filepath.Glob(filepath.Join(c.Config.DataDir, "nodes", "*", "agent.log")) // the pattern is well formed
	logs = append(logs, c.Config.LogFile())
	errs := []error{os.MkdirAll(o.keep, 0o755), os.WriteFile(filepath.Join(o.keep, s.name+"-server.log"), []byte(c.Log()), 0o644)}
	for _, path := range logs {
		data, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(filepath.Join(o.keep, s.name+"-"+filepath.Base(filepath.Dir(path))+"-"+filepath.Base(path)), data, 0o644)
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// setUp makes the nodes and the applications, and returns when all are ready.
func (st *stage) setUp(ctx context.Context, s side, o options) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	pool, err := poolOf(s, o)
	if err != nil {
		return err
	}
	objects := []any{pool}
	if s.contain {
		objects = append(objects, policy())
	}
	for _, object := range objects {
		data, err := json.Marshal(object)
		if err != nil {
			return err
		}
		if err := st.apply(ctx, data); err != nil {
			return err
		}
	}
	err = until(ctx, "all nodes are ready", func() error {
		list, err := st.kube.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: v1alpha1.LabelNodePool})
		ready := 0
		if err == nil {
			for i := range list.Items {
				if len(trouble(&list.Items[i])) == 0 {
					ready++
				}
			}
		}
		if err == nil && ready < o.nodes {
			err = fmt.Errorf("%d are", ready)
		}
		return err
	})
	if err != nil {
		return err
	}
	say("%s: %d nodes are ready", s.name, o.nodes)
	for _, app := range []struct {
		name string
		pods int
	}{{"pages", 2 * o.nodes}, {neighbourSpace, o.nodes}} {
		data, err := manifests.ReadFile("manifests/" + app.name + ".yaml")
		if err != nil {
			return err
		}
		text := strings.NewReplacer("PODS", strconv.Itoa(app.pods), "MOST", strconv.Itoa(2*app.pods),
			"NODES", filepath.Join(st.Config.DataDir, "nodes")).Replace(string(data))
		if err := st.apply(ctx, []byte(text)); err != nil {
			return err
		}
	}
	for space, app := range map[string]string{warstory.Namespace: warstory.Server, neighbourSpace: neighbourSpace} {
		if _, err := st.bulkhead(ctx, nil, "kubectl", "-n", space, "rollout", "status", "deployment/"+app, "--timeout="+startLimit.String()); err != nil {
			return err
		}
	}
	return nil
}

// apply writes objects, as soon as their kinds are known.
func (st *stage) apply(ctx context.Context, data []byte) error {
	return until(ctx, "objects are applied", func() error {
		_, err := st.bulkhead(ctx, bytes.NewReader(data), "kubectl", "apply", "--filename=-")
		return err
	})
}

func (st *stage) bulkhead(ctx context.Context, stdin io.Reader, args ...string) ([]byte, error) {
	command, err := st.Command(ctx, "bulkhead", append([]string{args[0], "--data-dir=" + st.Config.DataDir}, args[1:]...)...)
	if err != nil {
		return nil, err
	}
	var said bytes.Buffer
	command.Stdin, command.Stderr = stdin, &said
	out, err := command.Output()
	if err != nil {
		err = fmt.Errorf("bulkhead %s: %w: %s", strings.Join(args, " "), err, said.String())
	}
	return out, err
}

func until(ctx context.Context, what string, check func() error) error {
	for {
		err := check()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w", what, errors.Join(ctx.Err(), err))
		case <-time.After(look):
		}
	}
}

// address is where a Service answers for those outside.
func (st *stage) address(ctx context.Context, space, name string) (string, error) {
	service, err := st.kube.CoreV1().Services(space).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	return "http://" + net.JoinHostPort(st.Config.NodeIP, strconv.Itoa(int(service.Spec.Ports[0].NodePort))), nil
}

// measure lets the traffic flow and the campaign begin, and sums up what happened.
func (st *stage) measure(ctx context.Context, s side, o options) (*result, error) {
	pages, err := st.address(ctx, warstory.Namespace, warstory.Server)
	if err != nil {
		return nil, err
	}
	others, err := st.address(ctx, neighbourSpace, neighbourSpace)
	if err != nil {
		return nil, err
	}
	flowing, stop := context.WithCancel(ctx)
	defer stop()
	var all sync.WaitGroup
	var good, bad, neighbours traffic
	nodes := &machines{kube: st.kube, dataDir: st.Config.DataDir}
	cause := &naming{kube: st.kube}
	all.Go(func() { good.run(flowing, goodRate, visit(pages)) })
	all.Go(func() { neighbours.run(flowing, neighbourRate, func() (string, bool) { return others + "/", false }) })
	all.Go(func() { nodes.run(flowing) })
	if err := sleep(ctx, calm); err != nil {
		return nil, err
	}
	start := time.Now()
	if f := figuresOf(neighbours.between(time.Time{}, start)); f.failed > 0 {
		say("%s: %d of %d requests to neighbours failed before anything happened", s.name, f.failed, f.all)
	}
	say("%s: the campaign begins", s.name)
	all.Go(func() { bad.run(flowing, campaignRate, campaign(pages, start, o.campaign)) })
	all.Go(func() { cause.run(flowing) })
	if err := sleep(ctx, o.campaign); err != nil {
		return nil, err
	}
	end := time.Now()
	actions, err := st.actions(ctx, s)
	stop()
	all.Wait()
	say("%s: the campaign is over", s.name)

	r := &result{start: start, end: end, crash: firstBad(bad.between(start, end)), actions: actions}
	r.good = figuresOf(good.between(start, end))
	r.campaign = figuresOf(bad.between(start, end))
	r.neighbours = figuresOf(neighbours.between(start, end))
	r.HealthyNodesHit, r.NodesLost, r.NodesBought, r.nodesCame = nodes.count(start, o.nodes)
	r.nodes, r.most, r.fullest = o.nodes, o.most, nodes.fullest
	r.named, r.cause = cause.named, cause.text
	r.disturbed = nodes.disturbed
	r.finish()
	return r, err
}

// actions is what the containment holds in the end.
func (st *stage) actions(ctx context.Context, s side) (string, error) {
	if !s.contain {
		return "", nil
	}
	out, err := st.bulkhead(ctx, nil, "contain", "list")
	return string(out), err
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
