package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/bulkhead-k8s/bulkhead/examples/shop"
	"github.com/bulkhead-k8s/bulkhead/internal/image"
)

// nodePort is that of the Service front.
const nodePort = 30080

// deploy brings the shop up, with a line for each step that is done.
func deploy(ctx context.Context, c cluster) error {
	status, err := c.status(ctx)
	if err != nil {
		return err
	}
	fmt.Println("\nDeploying the shop (examples/shop)")
	if !status.Simulated { // simulated pods have no containers, so no images
		archive := filepath.Join(image.DefaultCacheDir(), "shop.tar")
		if err := step("images assembled", func() error { return assemble(ctx, archive) }); err != nil {
			return err
		}
		if err := step("images imported", func() error {
			_, err := c.run(ctx, nil, "image", "import", archive)
			return err
		}); err != nil {
			return err
		}
	}
	if err := step("objects applied", func() error { return apply(ctx, c) }); err != nil {
		return err
	}
	for _, workload := range []string{"statefulset/postgres", "deployment/api", "deployment/front"} {
		if err := step(workload+" ready", func() error {
			_, err := c.kubectl(ctx, nil, "rollout", "status", workload, "--timeout=5m")
			return err
		}); err != nil {
			c.showPods()
			return err
		}
	}
	if status.Simulated {
		fmt.Println("\nThe shop's pods are simulated: they have a life in the API and no containers, so nothing answers.")
		tryNext(c, "")
		return nil
	}
	url := fmt.Sprintf("http://%s:%d/api/shop", status.NodeIP, nodePort)
	var answer []byte
	if err := step("Service front answers", func() (err error) {
		answer, err = get(ctx, url)
		return err
	}); err != nil {
		c.showPods()
		return err
	}
	fmt.Printf("\nGET %s\n%s\n", url, shorten(answer))
	tryNext(c, fmt.Sprintf("  open http://%s:%d in a browser\n", status.NodeIP, nodePort))
	return nil
}

// step does one thing and prints how long it took.
func step(name string, do func() error) error {
	began := time.Now()
	if err := do(); err != nil {
		fmt.Printf("failed %-28s %6.2f s\n", name, time.Since(began).Seconds())
		return err
	}
	fmt.Printf("ok     %-28s %6.2f s\n", name, time.Since(began).Seconds())
	return nil
}

func assemble(ctx context.Context, path string) error {
	builder := image.Builder{Logf: func(format string, args ...any) { fmt.Printf("         "+format+"\n", args...) }}
	images, err := shop.Images(ctx, builder)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return image.WriteArchiveFile(path, images)
}

func apply(ctx context.Context, c cluster) error {
	files, err := fs.Glob(shop.Manifests(), "*.yaml")
	if err != nil {
		return err
	}
	var all bytes.Buffer
	for _, file := range files {
		data, err := fs.ReadFile(shop.Manifests(), file)
		if err != nil {
			return err
		}
		fmt.Fprintf(&all, "---\n%s\n", data)
	}
	_, err = c.kubectl(ctx, &all, "apply", "--filename=-")
	return err
}

// answerLimit bounds the wait for an answer once all pods are ready: kube-proxy
// learns of them a moment later.
const answerLimit = time.Minute

// get asks until it gets an answer that is good.
func get(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	for {
		answer, err := getOnce(ctx, url)
		if err == nil {
			return answer, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("GET %s: %w", url, err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func getOnce(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, errors.New(response.Status)
	}
	return io.ReadAll(io.LimitReader(response.Body, 1<<20))
}

// shorten keeps what fits on a screen.
func shorten(answer []byte) string {
	const most = 600
	if len(answer) > most {
		return string(answer[:most]) + " …"
	}
	return string(answer)
}

func tryNext(c cluster, first string) {
	fmt.Printf(`
Try next:
%[1]s  %[2]s kubectl get pods -A
  %[2]s kubectl -n shop delete pod postgres-0        # it comes back, with its data
  %[2]s kubectl -n shop rollout restart deployment/front
  %[2]s status
  make down
`, first, c.bulkhead)
}
