package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/bulkhead-k8s/bulkhead/internal/runtime/layout"
)

// bulkheadSide is a build of Bulkhead. Several can be compared, such as one from
// before a change with one from after it.
type bulkheadSide struct {
	name string
	bin  string   // the folder of `make build`
	args []string // for bulkheadd server
	env  []string
}

func (b *bulkheadSide) Name() string { return b.name }

func (b *bulkheadSide) Kubeconfig(g *ground) string { return filepath.Join(g.dir, "kubeconfig") }

func (b *bulkheadSide) Binaries() []string {
	programs := []string{
		filepath.Join(b.bin, "bulkhead"), filepath.Join(b.bin, "bulkheadd"), filepath.Join(b.bin, "runc"),
		filepath.Join(b.bin, "cni", "bridge"), filepath.Join(b.bin, "cni", "host-local"), filepath.Join(b.bin, "cni", "portmap"),
	}
	// Without these, bulkheadd is both.
	for _, name := range []string{"bulkhead-containerd", "bulkhead-containerd-shim"} {
		if path := filepath.Join(b.bin, name); exists(path) {
			programs = append(programs, path)
		}
	}
	return programs
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Prepare leaves nothing but the measured pod's image in containerd's root.
func (b *bulkheadSide) Prepare(ctx context.Context, g *ground, images *images) error {
	// bulkheadd is containerd by that name.
	link := filepath.Join(g.dir, "containerd-for-import", "containerd")
	if err := os.MkdirAll(filepath.Dir(link), 0o700); err != nil {
		return err
	}
	if err := os.Symlink(filepath.Join(b.bin, "bulkheadd"), link); err != nil {
		return err
	}
	if err := g.importInto(ctx, link, layout.For(g.dir).Root, map[string]v1.Image{answerImage: images.answer}); err != nil {
		return err
	}
	return os.RemoveAll(filepath.Dir(link))
}

func (b *bulkheadSide) arguments(g *ground) []string {
	return append([]string{"--data-dir", g.dir, "--node-name", nodeName}, b.args...)
}

func (b *bulkheadSide) Start(g *ground) (running, error) {
	gr := &group{}
	return gr, gr.run("bulkheadd", func() (*exec.Cmd, error) {
		cmd, err := g.command("bulkheadd", filepath.Join(b.bin, "bulkheadd"), append([]string{"server"}, b.arguments(g)...)...)
		if err == nil {
			cmd.Env = append(os.Environ(), b.env...)
		}
		return cmd, err
	})
}

func (b *bulkheadSide) Up(_ context.Context, g *ground) (running, error) {
	program := filepath.Join(b.bin, "bulkhead")
	cmd, err := g.command("bulkhead-up", program, append([]string{"up", "--update-kubeconfig=false"}, b.arguments(g)...)...)
	if err != nil {
		return nil, err
	}
	cmd.Env = append(os.Environ(), b.env...)
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("bulkhead up: %w; see %s", err, g.logs)
	}
	return &background{program: program, g: g}, nil
}

func (b *bulkheadSide) Serving(context.Context, kubernetes.Interface) error { return nil }

// background is a daemon that `bulkhead up` has left running.
type background struct {
	program string
	g       *ground
}

func (*background) Err() error    { return nil }
func (*background) Restarts() int { return 0 }

func (b *background) Stop(context.Context) error {
	cmd, err := b.g.command("bulkhead-down", b.program, "down", "--keep-pods", "--data-dir", b.g.dir)
	if err != nil {
		return err
	}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("bulkhead down: %w; see %s", err, b.g.logs)
	}
	return nil
}
