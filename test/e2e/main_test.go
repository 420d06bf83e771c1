package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/bulkhead-k8s/bulkhead/test/cluster"
	"github.com/bulkhead-k8s/bulkhead/test/images"
)

// What all tests share; set by TestMain before any of them runs.
var (
	// ours is the cluster that TestMain started, or nil.
	ours *cluster.Cluster
	// access is the administrator's, kube a client with it.
	access *rest.Config
	kube   kubernetes.Interface
	// unavailable says why there is no cluster; every test skips with it.
	unavailable string
)

// startLimit bounds the start of the cluster, the build of the image included.
const startLimit = 2 * time.Minute

func TestMain(m *testing.M) {
	flag.Parse()
	// Most of a test is waiting: run more of them than there are processors.
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == parallel.DefValue {
		_ = parallel.Value.Set(strconv.Itoa(3 * runtime.NumCPU()))
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if testing.Short() {
		unavailable = "-short: a cluster takes minutes"
		return m.Run()
	}
	ctx, cancel := context.WithTimeout(context.Background(), cluster.Patience(startLimit))
	defer cancel()
	err := setUp(ctx)
	if ours != nil {
		defer tearDown()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		if ours != nil {
			ours.WriteLogs(os.Stderr, 60)
		}
		return 1
	}
	code := m.Run()
	if code != 0 && ours != nil {
		ours.WriteLogs(os.Stderr, 60)
	}
	return code
}

func setUp(ctx context.Context) error {
	if path := os.Getenv("KUBECONFIG_E2E"); path != "" {
		return connect(cluster.RESTFromFile(path))
	}
	if err := cluster.Supported(); err != nil {
		unavailable = err.Error()
		return nil
	}
	var err error
	if outside, err = newOutsideDNS(); err != nil {
		return err
	}
	if ours, err = startCluster(ctx); err != nil {
		return err
	}
	return connect(ours.REST())
}

// startCluster starts bulkheadd while the image is being built, and gives it
// the image.
func startCluster(ctx context.Context) (*cluster.Cluster, error) {
	type built struct {
		archive string
		err     error
	}
	image := make(chan built, 1)
	go func() {
		archive, err := images.Build(ctx)
		image <- built{archive, err}
	}()
	c, err := cluster.New(ctx, cluster.Options{Label: "bh-e2e", Args: []string{"--resolv-conf", outside.resolvConf}})
	if err != nil {
		return nil, err
	}
	if err := outside.serve(c.Net.Gateway); err != nil {
		return c, err
	}
	started := time.Now()
	if err := c.Start(ctx); err != nil {
		return c, err
	}
	fmt.Fprintf(os.Stderr, "e2e: cluster ready after %.1f s\n", time.Since(started).Seconds())
	i := <-image
	if i.err != nil {
		return c, i.err
	}
	defer os.Remove(i.archive)
	return c, images.ImportFile(ctx, c.Admin(), i.archive)
}

func connect(config *rest.Config, err error) error {
	if err != nil {
		return err
	}
	access = config
	kube, err = kubernetes.NewForConfig(config)
	return err
}

func tearDown() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := ours.Remove(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "e2e: clean up:", err)
	}
	outside.close()
}
