package daemon

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/bulkhead-k8s/bulkhead/internal/datastore"
)

func (d *Daemon) etcdSocket(name string) string {
	return filepath.Join(d.config.DataDir, "run", "etcd-"+name+".sock")
}

// startEtcd opens both members side by side.
func (d *Daemon) startEtcd(ctx context.Context) error {
	end := d.stages.Begin("etcd serving")
	members := make([]*datastore.Member, 2)
	group, groupCtx := errgroup.WithContext(ctx)
	for i, name := range []string{"main", "events"} {
		group.Go(func() error {
			member, err := datastore.Start(groupCtx, datastore.Options{
				Dir:    filepath.Join(d.config.DataDir, "etcd", name),
				Socket: d.etcdSocket(name),
				Logger: etcdLogger(d.config.Verbosity),
			})
			members[i] = member
			return err
		})
	}
	err := group.Wait()
	end(err)
	for i, name := range []string{"main", "events"} {
		member := members[i]
		if member == nil {
			continue
		}
		d.storage.Go("etcd ("+name+")", func(ctx context.Context) error {
			defer member.Stop()
			return member.Wait(ctx)
		})
	}
	d.mu.Lock()
	d.etcd = members
	d.mu.Unlock()
	return err
}

// etcdLogger passes on errors; from -v 1 warnings too, of which a slow disk
// gives one for each request; from -v 4 all.
func etcdLogger(verbosity int) *zap.Logger {
	c := zap.NewProductionConfig()
	switch {
	case verbosity >= 4:
		c.Level = zap.NewAtomicLevelAt(zap.InfoLevel)
	case verbosity >= 1:
		c.Level = zap.NewAtomicLevelAt(zap.WarnLevel)
	default:
		c.Level = zap.NewAtomicLevelAt(zap.ErrorLevel)
	}
	c.DisableStacktrace = true // its errors are told apart by their text
	logger, err := c.Build()
	if err != nil {
		return zap.NewNop()
	}
	return logger
}

// isNewCluster says that no etcd has been started on this data directory.
func (d *Daemon) isNewCluster() bool {
	_, err := os.Stat(filepath.Join(d.config.DataDir, "etcd", "main", "member"))
	return errors.Is(err, fs.ErrNotExist)
}
