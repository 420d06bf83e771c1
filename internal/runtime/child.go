package runtime

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/runtime/process"
)

const (
	// configEnv tells which settings a running containerd was started with.
	configEnv = "BULKHEAD_CONTAINERD_CONFIG"
	// startTimeout bounds a start; recovering hundreds of pods takes seconds.
	startTimeout = 2 * time.Minute
	// answerTimeout bounds the wait for one that runs already.
	answerTimeout = 10 * time.Second
)

// bringUp returns a containerd that answers: the one that runs, if it is the
// same program with the same settings as would be started now, else a new one.
func (r *Runtime) bringUp(ctx context.Context, config []byte) (*process.Handle, error) {
	running, err := process.Find(r.owner)
	if err != nil {
		return nil, err
	}
	for _, found := range running {
		if found.Kind != process.Containerd {
			continue
		}
		reason := r.unfit(ctx, found, config)
		if reason == nil {
			r.options.Logger.Info("containerd runs already and is kept", "pid", found.PID)
			return r.owner.Open(found)
		}
		r.options.Logger.Info("containerd runs already and is replaced", "pid", found.PID, "reason", reason)
		if err := endProcess(ctx, r.owner, found, stopGrace); err != nil {
			return nil, err
		}
	}
	return r.start(ctx, config)
}

// unfit says why a containerd that runs cannot be kept, or nil.
func (r *Runtime) unfit(ctx context.Context, found process.Process, config []byte) error {
	theirs, err := os.Stat(fmt.Sprintf("/proc/%d/exe", found.PID))
	if err != nil {
		return err
	}
	ours, err := os.Stat(filepath.Join(r.paths.Bin, containerdName))
	if err != nil {
		return err
	}
	if !os.SameFile(theirs, ours) {
		return errors.New("it is another build")
	}
	if process.Environment(found.PID, configEnv) != sum(config) {
		return errors.New("its settings have changed")
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	if _, err := r.criVersion(ctx); err != nil {
		return fmt.Errorf("it does not answer: %w", err)
	}
	return nil
}

// start starts containerd in a session of its own, so that no signal meant for
// us reaches it, and returns once it has said that all its services are ready.
func (r *Runtime) start(ctx context.Context, config []byte) (*process.Handle, error) {
	log, err := openLog(r.paths.Log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	logged := logSize(r.paths.Log)
	notify, err := listenNotify(filepath.Join(filepath.Dir(r.paths.Socket), "notify.sock"))
	if err != nil {
		return nil, err
	}
	defer notify.close()

	command := exec.Command(filepath.Join(r.paths.Bin, containerdName), "--config", r.paths.Config)
	command.Env = containerdEnv(os.Environ(), r.paths.Bin, notify.path, sum(config))
	command.Dir = "/"
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start containerd: %w", err)
	}
	containerd, err := process.Open(command.Process.Pid)
	if err != nil {
		return nil, fmt.Errorf("start containerd: %w", err)
	}
	if err := command.Process.Release(); err != nil {
		return nil, fmt.Errorf("start containerd: %w", err)
	}

	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	ended := make(chan error, 1)
	waitCtx, stopWaiting := context.WithCancel(ctx)
	go func() { ended <- containerd.Wait(waitCtx); notify.close() }()
	readyErr := notify.wait(ctx)
	stopWaiting()
	if endErr := <-ended; endErr == nil {
		return nil, errors.Join(
			fmt.Errorf("containerd ended during its start; last errors in %s: %s", r.paths.Log, complaints(r.paths.Log, logged, 3)),
			containerd.Close())
	}
	if readyErr != nil {
		return nil, errors.Join(
			fmt.Errorf("containerd did not become ready, see %s: %w", r.paths.Log, readyErr),
			endAfter(ctx, containerd), containerd.Close())
	}
	return containerd, nil
}

// endAfter ends a containerd whose start failed, maybe because ctx is over: one
// that is stuck is not to stay behind.
func endAfter(ctx context.Context, containerd *process.Handle) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*stopGrace)
	defer cancel()
	return containerd.End(ctx, stopGrace)
}

// endProcess ends a process that was found.
func endProcess(ctx context.Context, owner process.Owner, found process.Process, grace time.Duration) error {
	handle, err := owner.Open(found)
	if errors.Is(err, process.ErrEnded) {
		return nil
	}
	if err != nil {
		return err
	}
	defer handle.Close()
	return handle.End(ctx, grace)
}

// containerdEnv returns the environment for containerd, given ours. Proxies and
// the like are for it as well; what systemd told us is not.
func containerdEnv(environ []string, bin, notifySocket, configSum string) []string {
	set := map[string]string{
		"NOTIFY_SOCKET": notifySocket,
		configEnv:       configSum,
		// containerd holds little and allocates in bursts, so collecting garbage
		// twice as often costs it little.
		"GOGC": "50",
		"PATH": bin + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	}
	drop := []string{"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "INVOCATION_ID", "JOURNAL_STREAM", "MAINPID", "WATCHDOG_PID", "WATCHDOG_USEC", "GOMEMLIMIT", "GOMAXPROCS"}
	var env []string
	for _, variable := range environ {
		name, _, _ := strings.Cut(variable, "=")
		if _, ours := set[name]; !ours && !slices.Contains(drop, name) {
			env = append(env, variable)
		}
	}
	for name, value := range set {
		env = append(env, name+"="+value)
	}
	slices.Sort(env)
	return env
}

func sum(data []byte) string {
	digest := sha256.Sum256(data)
	return hex.EncodeToString(digest[:8])
}
