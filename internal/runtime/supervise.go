package runtime

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// firstTries is how often containerd may fail before it has ever been ready;
// from then on it is restarted for as long as Run goes on.
const firstTries = 3

// supervise keeps a containerd with these settings running until ctx ends or
// StopContainerd is called.
func (r *Runtime) supervise(ctx context.Context, config []byte, host *hostSetup) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-r.stopping:
			cancel()
		case <-ctx.Done():
		}
	}()
	var retry backoff
	for {
		began := time.Now()
		err := r.serve(ctx, config, host)
		if ctx.Err() != nil {
			return nil
		}
		var fatal *hostError
		if errors.As(err, &fatal) {
			return fatal
		}
		delay, failures := retry.next(time.Since(began))
		if !r.isReady() && failures >= firstTries {
			return fmt.Errorf("containerd cannot be started: %w", err)
		}
		r.options.Logger.Error("containerd ended and is started again", "err", err, "delay", delay)
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return nil
		}
	}
}

// serve brings up one containerd, makes the Runtime ready, and returns with the
// reason when that containerd has ended.
func (r *Runtime) serve(ctx context.Context, config []byte, host *hostSetup) error {
	logged := logSize(r.paths.Log)
	end := r.options.Stages.Begin("container runtime ready")
	containerd, err := r.bringUp(ctx, config)
	if err == nil {
		if err = host.wait(ctx); err != nil {
			err = &hostError{err}
		}
	}
	end(err)
	if containerd == nil {
		return err
	}
	defer containerd.Close()
	if err == nil {
		closeOnce(r.ready)
		// Beside what waits for us: a first pod comes later than this takes.
		err = r.importSandboxImage(ctx)
	}
	if err != nil {
		return errors.Join(err, endAfter(ctx, containerd))
	}
	closeOnce(r.usable)
	if err := containerd.Wait(ctx); err != nil {
		return err
	}
	return fmt.Errorf("containerd (process %d) has ended; last errors in %s: %s",
		containerd.PID(), r.paths.Log, complaints(r.paths.Log, logged, 3))
}

// hostError indicates that the host cannot be set up, so that it is no use to
// start containerd again.
type hostError struct{ error }

// closeOnce closes a channel that the calling goroutine alone closes.
func closeOnce(c chan struct{}) {
	select {
	case <-c:
	default:
		close(c)
	}
}

func (r *Runtime) isReady() bool {
	select {
	case <-r.ready:
		return true
	default:
		return false
	}
}

// backoff spaces out restarts. The zero value is ready for use.
type backoff struct{ failures int }

const (
	firstDelay = 100 * time.Millisecond
	maxDelay   = 10 * time.Second
	// healthyAfter is how long something must have run for its end not to count
	// as one more failure in a row.
	healthyAfter = time.Minute
)

// next returns how long to wait before the next start, and how many times in a
// row it has failed now, given how long it ran.
func (b *backoff) next(ran time.Duration) (delay time.Duration, failures int) {
	if ran >= healthyAfter {
		b.failures = 0
	}
	b.failures++
	return min(maxDelay, firstDelay<<min(b.failures-1, 10)), b.failures
}
