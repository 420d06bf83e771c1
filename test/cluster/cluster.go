package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/bulkhead-k8s/bulkhead/internal/admin"
	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/journal"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/stages"
	"github.com/bulkhead-k8s/bulkhead/test/hosts"
)

// Options say what cluster is wanted. The zero value is a usual one.
type Options struct {
	// Label begins the names of the namespace and the data directory. Default
	// "bh-test".
	Label string
	// DataDir is made if it is missing. Default: a new folder in the system's
	// folder for temporary files.
	DataDir string
	// Args are flags of bulkheadd beside those for the data directory.
	Args []string
	// Net is where the daemon runs, and is closed with the cluster. Default: a new
	// namespace that is alone.
	Net *hosts.Namespace
	// Agent runs a node of a cluster whose server is elsewhere.
	Agent bool
	// Simulate runs without containers.
	Simulate bool
	// User and group of this number run bulkheadd. Default: those of the tests.
	User int
}

// Cluster is one data directory with the daemon that runs on it, if any does.
type Cluster struct {
	// Config is what the daemon makes of its flags.
	Config *config.Config
	// Net is the daemon's network.
	Net *hosts.Namespace

	options Options
	args    []string
	logPath string

	mu     sync.Mutex // guards daemon
	daemon *process
}

// process is one run of the daemon.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed when it has ended and err is set
	err    error
}

// New prepares a cluster; nothing runs yet.
func New(ctx context.Context, o Options) (*Cluster, error) {
	if o.Label == "" {
		o.Label = "bh-test"
	}
	var err error
	if o.DataDir == "" {
		if o.DataDir, err = os.MkdirTemp("", o.Label+"-"); err != nil {
			return nil, fmt.Errorf("make a data directory: %w", err)
		}
		if o.User != 0 {
			if err := os.Chown(o.DataDir, o.User, o.User); err != nil {
				return nil, err
			}
		}
	}
	c := &Cluster{options: o, logPath: o.DataDir + ".log", Config: config.Default()}
	c.args = append([]string{"--data-dir", o.DataDir}, o.Args...)
	if o.Simulate {
		c.args = append(c.args, "--simulate")
	}
	if c.Net = o.Net; c.Net == nil {
		if c.Net, err = hosts.New(ctx, o.Label); err != nil {
			return nil, err
		}
	}
	// What the daemon finds by itself; this process is not in the namespace.
	c.Config.NodeIP = c.Net.Address.String()
	flags := newFlagSet()
	if c.Config.Agent = o.Agent; o.Agent {
		c.Config.AddAgentFlags(flags)
	} else {
		c.Config.AddFlags(flags)
	}
	if err := flags.Parse(c.args); err != nil {
		return nil, err
	}
	return c, c.Config.Complete()
}

// Command prepares one of our programs in the cluster's network, as the
// cluster's user.
func (c *Cluster) Command(ctx context.Context, program string, args ...string) (*exec.Cmd, error) {
	if c.options.User == 0 {
		return c.rootCommand(ctx, program, args...)
	}
	path, err := Program(program)
	if err != nil {
		return nil, err
	}
	user := strconv.Itoa(c.options.User)
	cmd := c.Net.Command(ctx, "setpriv", append([]string{"--reuid=" + user, "--regid=" + user, "--clear-groups", "--", path}, args...)...)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "HOME="+c.options.DataDir)
	return cmd, nil
}

// rootCommand is Command as the tests' own user.
func (c *Cluster) rootCommand(ctx context.Context, program string, args ...string) (*exec.Cmd, error) {
	path, err := Program(program)
	if err != nil {
		return nil, err
	}
	return c.Net.Command(ctx, path, args...), nil
}

// Flags are those that a command of ours needs to mean this cluster.
func (c *Cluster) Flags() []string { return c.args }

// SetArgs replaces the flags of the next start.
func (c *Cluster) SetArgs(args ...string) {
	c.args = append([]string{"--data-dir", c.Config.DataDir}, args...)
}

// Launch starts the daemon and does not wait for it.
func (c *Cluster) Launch() error {
	// Not bound to a context: the end of a test must not end it out of order.
	role := "server"
	if c.options.Agent {
		role = "agent"
	}
	cmd, err := c.Command(context.Background(), "bulkheadd", append([]string{role}, c.args...)...)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(c.logPath, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start bulkheadd: %w", err)
	}
	p := &process{cmd: cmd, exited: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.exited)
	}()
	c.mu.Lock()
	c.daemon = p
	c.mu.Unlock()
	return nil
}

// Start runs the daemon and waits until the cluster is usable.
func (c *Cluster) Start(ctx context.Context) error {
	if err := c.Launch(); err != nil {
		return err
	}
	return c.WaitReady(ctx)
}

// pollInterval is how often a foreign process is asked again.
const pollInterval = 20 * time.Millisecond

// WaitReady waits until the daemon says that its start is over.
func (c *Cluster) WaitReady(ctx context.Context) error {
	client := c.Admin()
	defer client.Close()
	p := c.process()
	for {
		// The stream of stages ends when the start is over.
		err := client.FollowStages(ctx, func(stages.Stage) error { return nil })
		if err == nil {
			if status, err := client.Status(ctx); err == nil && status.Ready {
				return nil
			}
		}
		select {
		case <-p.exited:
			return errors.Join(errors.New("bulkheadd ended during its start: "+lastLines(c.logPath, 5)), p.err)
		case <-ctx.Done():
			return fmt.Errorf("bulkheadd is not ready: %w", errors.Join(ctx.Err(), err))
		case <-time.After(pollInterval):
		}
	}
}

func (c *Cluster) process() *process {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.daemon
}

// PID is that of the daemon, or 0.
func (c *Cluster) PID() int {
	p := c.process()
	if p == nil {
		return 0
	}
	select {
	case <-p.exited:
		return 0
	default:
		return p.cmd.Process.Pid
	}
}

// Exited returns once the daemon has ended, with how it did, or when ctx ends.
func (c *Cluster) Exited(ctx context.Context) error {
	p := c.process()
	if p == nil {
		return nil
	}
	select {
	case <-p.exited:
		return p.err
	case <-ctx.Done():
		return fmt.Errorf("bulkheadd goes on: %w", ctx.Err())
	}
}

// Kill ends the daemon as a crash does, without a chance to tidy up.
func (c *Cluster) Kill() {
	p := c.process()
	if p == nil {
		return
	}
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// Stop ends the daemon as a service manager does; its containers go on.
func (c *Cluster) Stop(ctx context.Context) error {
	p := c.process()
	if p == nil {
		return nil
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return c.Exited(ctx)
}

// Down asks the daemon to end, with its pods unless keepPods, and waits for it.
func (c *Cluster) Down(ctx context.Context, keepPods bool) error {
	client := c.Admin()
	defer client.Close()
	if err := client.Stop(ctx, keepPods); err != nil {
		return err
	}
	return c.Exited(ctx)
}

// Admin is a client of the daemon's own socket.
func (c *Cluster) Admin() *admin.Client {
	return admin.NewClient(c.Config.DataDir, c.Config.AdminSocket())
}

// Records are the journal's of a type, oldest first.
func (c *Cluster) Records(ctx context.Context, of record.Type) (found []record.Record, err error) {
	client := c.Admin()
	defer client.Close()
	var export bytes.Buffer
	if err := client.ExportJournal(ctx, &export, admin.ExportRequest{}); err != nil {
		return nil, err
	}
	_, err = journal.ReadExport(&export, func(r record.Record) error {
		if r.Type() == of {
			found = append(found, r)
		}
		return nil
	})
	return found, err
}

// REST is the administrator's access, from the tests' network.
func (c *Cluster) REST() (*rest.Config, error) {
	return RESTFromFile(c.Config.WriteKubeconfig)
}

// RESTFromFile is the access that a kubeconfig gives, without client-go's
// default limit of 5 requests a second.
func RESTFromFile(path string) (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	return config, nil
}

// Remove ends everything and takes away what is left, also after a test that
// failed. It returns what it could not remove.
func (c *Cluster) Remove(ctx context.Context) error {
	if c.PID() != 0 {
		if err := c.Down(ctx, false); err != nil {
			c.Kill()
		}
	}
	var errs []error
	reset, err := c.rootCommand(ctx, "bulkheadd", "reset", "--data-dir", c.Config.DataDir)
	if err == nil {
		var said []byte
		if said, err = reset.CombinedOutput(); err != nil {
			err = fmt.Errorf("bulkheadd reset: %w: %s", err, said)
		}
	}
	errs = append(errs, err, c.sweep())
	errs = append(errs, c.Net.Close(), os.RemoveAll(c.Config.DataDir))
	if err := os.Remove(c.logPath); err != nil && !errors.Is(err, fs.ErrNotExist) {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// WriteLogs copies the ends of the daemon's and containerd's logs.
func (c *Cluster) WriteLogs(out io.Writer, lines int) {
	for _, path := range []string{c.logPath, c.Config.LogFile(), filepath.Join(c.Config.DataDir, "log", "containerd.log")} {
		if text := lastLines(path, lines); text != "" {
			fmt.Fprintf(out, "--- end of %s ---\n%s\n", path, text)
		}
	}
}

// Log is all that the daemon wrote.
func (c *Cluster) Log() string {
	data, _ := os.ReadFile(c.logPath)
	return string(data)
}
