package datastore

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
)

// Options describe one etcd member. Dir and Socket have no default.
type Options struct {
	// Name of the member; default "default".
	Name string
	// Dir is etcd's data directory.
	Dir string
	// Socket is the path of the unix socket on which clients are served.
	Socket string
	// QuotaBytes is the backend's size limit; default 8 GiB, the largest that
	// etcd's documentation suggests (https://etcd.io/docs/latest/dev-guide/limit/).
	QuotaBytes int64
	// Logger takes etcd's own log. Default: nothing is logged.
	Logger *zap.Logger
}

// Member is a running etcd server.
type Member struct {
	etcd    *embed.Etcd
	options Options
}

// ErrStopped indicates that a member ended without having been asked to.
var ErrStopped = errors.New("etcd stopped by itself")

// tick is etcd's default, and election half of its: with a single member there is
// no network whose round trip it has to exceed, and it elects itself sooner. A
// shorter tick would do so too, but wakes an idle machine each time.
const (
	tick     = 100 * time.Millisecond
	election = 5 * tick // the least that etcd takes
)

// progressInterval is how often the API server's watch caches hear of the latest
// revision without having asked. They ask when a read needs it
// (https://kubernetes.io/blog/2024/08/15/consistent-read-from-cache-beta/), so
// that this only has to be more often than the compaction every five minutes.
const progressInterval = time.Minute

// Start opens the data directory and returns once the member serves clients.
// When ctx ends before that, the member is closed again.
func Start(ctx context.Context, o Options) (*Member, error) {
	for _, dir := range []string{o.Dir, filepath.Dir(o.Socket)} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make etcd's folder: %w", err)
		}
	}
	// A socket outlives a killed process and would make the new one fail to
	// listen; the daemon's lock says that nobody uses it.
	if err := os.Remove(o.Socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove etcd's stale socket: %w", err)
	}

	etcd, err := embed.StartEtcd(o.config())
	if err != nil {
		return nil, fmt.Errorf("start etcd on %s: %w", o.Dir, err)
	}
	m := &Member{etcd: etcd, options: o}
	select {
	case <-etcd.Server.ReadyNotify():
	case err = <-etcd.Err():
	case <-etcd.Server.StopNotify():
		err = ErrStopped
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err == nil {
		err = os.Chmod(o.Socket, 0o600)
	}
	if err != nil {
		m.Stop()
		return nil, fmt.Errorf("start etcd on %s: %w", o.Dir, err)
	}
	return m, nil
}

func (o Options) config() *embed.Config {
	cfg := embed.NewConfig()
	cfg.Name = o.Name
	if cfg.Name == "" {
		cfg.Name = "bulkhead"
	}
	cfg.Dir = o.Dir
	client := url.URL{Scheme: "unix", Path: o.Socket}
	cfg.ListenClientUrls = []url.URL{client}
	cfg.AdvertiseClientUrls = []url.URL{client}
	// A single member has no peers: it listens for none. The advertised URL is
	// only its name in the membership.
	cfg.ListenPeerUrls = nil
	cfg.AdvertisePeerUrls = []url.URL{{Scheme: "http", Host: "127.0.0.1:2380"}}
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	cfg.QuotaBackendBytes = o.QuotaBytes
	if cfg.QuotaBackendBytes == 0 {
		cfg.QuotaBackendBytes = 8 << 30
	}
	cfg.TickMs = uint(tick.Milliseconds())
	cfg.ElectionMs = uint(election.Milliseconds())
	// The API server compacts every five minutes by itself.
	cfg.AutoCompactionMode = embed.CompactorModePeriodic
	cfg.AutoCompactionRetention = "0"
	cfg.WatchProgressNotifyInterval = progressInterval
	logger := o.Logger
	if logger == nil {
		logger = zap.NewNop()
	}
	cfg.ZapLoggerBuilder = embed.NewZapLoggerBuilder(logger)
	return cfg
}

// Endpoint is what an etcd client connects to.
func (m *Member) Endpoint() string { return "unix://" + m.options.Socket }

// Wait returns when the member ends, with the reason, or when ctx does, with
// nil; the member then goes on.
func (m *Member) Wait(ctx context.Context) error {
	select {
	case err := <-m.etcd.Err():
		return fmt.Errorf("etcd on %s: %w", m.options.Dir, err)
	case <-m.etcd.Server.StopNotify():
		return fmt.Errorf("etcd on %s: %w", m.options.Dir, ErrStopped)
	case <-ctx.Done():
		return nil
	}
}

// Stop ends the member and returns once its files are closed.
func (m *Member) Stop() {
	m.etcd.Close()
	<-m.etcd.Server.StopNotify()
}
