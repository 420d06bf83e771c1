package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// restartDelay is systemd's default RestartSec.
const restartDelay = 100 * time.Millisecond

// stopGrace is how long a component gets to end before it is killed.
const stopGrace = 15 * time.Second

// component is one process of a cluster.
type component struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed once it has ended
	err   error         // why; read after ended
}

func startComponent(cmd *exec.Cmd) (*component, error) {
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	if log, ok := cmd.Stdout.(*os.File); ok {
		log.Close() // the process has its own
	}
	c := &component{cmd: cmd, ended: make(chan struct{})}
	go func() {
		c.err = cmd.Wait()
		close(c.ended)
	}()
	return c, nil
}

// stop asks the process to end, and kills it if it does not.
func (c *component) stop(ctx context.Context) error {
	_ = c.cmd.Process.Signal(unix.SIGTERM) // it may have ended by itself
	timer := time.NewTimer(stopGrace)
	defer timer.Stop()
	select {
	case <-c.ended:
		return nil
	case <-timer.C:
	case <-ctx.Done():
	}
	_ = c.cmd.Process.Kill()
	<-c.ended
	return nil
}

// group is a set of components, each started again when it ends by itself.
type group struct {
	mu       sync.Mutex // guards all below
	stopping bool
	live     []*component // by the order of their start
	restarts int
	failed   error
	keepers  sync.WaitGroup
}

// run starts a component and keeps it running; make returns its command anew
// for each start.
func (gr *group) run(name string, make func() (*exec.Cmd, error)) error {
	start := func() (*component, error) {
		gr.mu.Lock()
		defer gr.mu.Unlock()
		if gr.stopping {
			return nil, nil
		}
		cmd, err := make()
		if err != nil {
			return nil, err
		}
		c, err := startComponent(cmd)
		if err == nil {
			gr.live = append(gr.live, c)
		}
		return c, err
	}
	c, err := start()
	if err != nil {
		return err
	}
	gr.keepers.Go(func() {
		for c != nil {
			<-c.ended
			time.Sleep(restartDelay) // as systemd does
			next, err := start()
			gr.mu.Lock()
			if next != nil {
				gr.restarts++
			}
			if err != nil {
				gr.failed = errors.Join(gr.failed, fmt.Errorf("%s: %w", name, err))
			}
			gr.mu.Unlock()
			c = next
		}
	})
	return nil
}

func (gr *group) Err() error {
	gr.mu.Lock()
	defer gr.mu.Unlock()
	return gr.failed
}

func (gr *group) Restarts() int {
	gr.mu.Lock()
	defer gr.mu.Unlock()
	return gr.restarts
}

// Stop ends all components, the last started first, so that each still finds
// what it depends on.
func (gr *group) Stop(ctx context.Context) error {
	gr.mu.Lock()
	gr.stopping = true
	live := gr.live
	gr.mu.Unlock()
	var errs []error
	for i := len(live) - 1; i >= 0; i-- {
		errs = append(errs, live[i].stop(ctx))
	}
	gr.keepers.Wait()
	return errors.Join(errs...)
}
