package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"
	"time"

	"github.com/containerd/containerd/v2/client"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/image"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime/sandbox"
)

const (
	answerImage = "bench.bulkhead.dev/answer:1"
	pauseImage  = "bench.bulkhead.dev/pause:1"
)

// images are assembled once and imported into each run's containerd beforehand,
// so that no pull is in the figures.
type images struct {
	// answer runs in the measured pod. pause is for upstream's sandbox; Bulkhead
	// brings the same program with it, and imports it within the measured time.
	answer, pause v1.Image
}

func assemble(ctx context.Context) (*images, error) {
	builder := image.Builder{}
	program, err := builder.Build(ctx, image.GoBinary{Package: "github.com/bulkhead-k8s/bulkhead/bench/boot/answer"})
	if err != nil {
		return nil, err
	}
	base, err := image.Base()
	if err != nil {
		return nil, err
	}
	answer, err := builder.FromFiles(append(base, image.File{Path: "/answer", Source: program, Mode: 0o755}), image.Config{Entrypoint: []string{"/answer"}})
	if err != nil {
		return nil, fmt.Errorf("assemble the measured pod's image: %w", err)
	}
	wait, err := sandbox.Program(goruntime.GOARCH)
	if err != nil {
		return nil, err
	}
	pause, err := builder.FromFiles([]image.File{{Path: "/pause", Content: wait, Mode: 0o755}}, image.Config{Entrypoint: []string{"/pause"}})
	if err != nil {
		return nil, fmt.Errorf("assemble upstream's sandbox image: %w", err)
	}
	return &images{answer: answer, pause: pause}, nil
}

// importInto runs the given containerd on root for as long as it takes to import
// and unpack images.
func (g *ground) importInto(ctx context.Context, containerd, root string, archive map[string]v1.Image) (err error) {
	state := filepath.Join(g.dir, "import")
	if err := os.MkdirAll(state, 0o700); err != nil {
		return err
	}
	socket, config := filepath.Join(state, "c.sock"), filepath.Join(state, "config.toml")
	// No CRI plugin: it would want a network, and adds nothing to an import.
	settings := fmt.Sprintf("version = 4\nroot = %q\nstate = %q\nimports = []\ndisabled_plugins = ['io.containerd.grpc.v1.cri', 'io.containerd.nri.v1.nri']\n"+
		"[plugins.'io.containerd.server.v1.grpc']\naddress = %q\n[plugins.'io.containerd.server.v1.ttrpc']\naddress = %q\n",
		root, filepath.Join(state, "state"), socket, socket+".ttrpc")
	if err := os.WriteFile(config, []byte(settings), 0o600); err != nil {
		return err
	}
	cmd, err := g.command("import", containerd, "--config", config)
	if err != nil {
		return err
	}
	server, err := startComponent(cmd)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, server.stop(ctx), unmountBelow(state), os.RemoveAll(state))
	}()

	var tar bytes.Buffer
	if err := image.WriteArchive(&tar, archive); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	api, err := connect(ctx, socket)
	if err != nil {
		return err
	}
	defer api.Close()
	imported, err := api.Import(ctx, &tar)
	if err != nil {
		return fmt.Errorf("import images: %w", err)
	}
	for _, metadata := range imported {
		if err := client.NewImage(api, metadata).Unpack(ctx, "overlayfs"); err != nil {
			return fmt.Errorf("unpack %s: %w", metadata.Name, err)
		}
	}
	return nil
}

// connect waits until containerd answers: it is a foreign process, which says
// so in no other way.
func connect(ctx context.Context, socket string) (*client.Client, error) {
	for {
		if _, err := os.Stat(socket); err == nil {
			break
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("containerd does not come up on %s: %w", socket, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
	return client.New(socket, client.WithDefaultNamespace("k8s.io"), client.WithTimeout(time.Minute))
}
