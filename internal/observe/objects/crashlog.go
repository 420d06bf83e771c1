package objects

import (
	"context"
	"sync"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

const (
	// logEvery is how often the log of like containers (same owner, same name) is
	// read at most: a crash loop says the same each time.
	logEvery   = 30 * time.Second
	logReaders = 2
	logQueue   = 64
	maxLike    = 4096
)

// crashLogs reads the last lines of containers that ended badly.
type crashLogs struct {
	w     *Watcher
	lines int
	queue chan failing

	mu   sync.Mutex
	last map[likeLog]time.Time
}

type likeLog struct {
	owner     record.Ref
	container string
}

// want asks for the log of a container that ended. It does not wait: if too many
// ended at once, the others say enough.
func (c *crashLogs) want(r record.Record, previous bool) {
	e, ok := r.Payload.(*record.Exit)
	if !ok || e.Code == 0 && e.Signal == 0 {
		return
	}
	now := c.w.opts.Now()
	if now.Sub(r.Time) > time.Hour {
		return // long ago: whoever asks reads it then
	}
	l := likeLog{r.Object, e.Container}
	if len(r.Owners) > 0 {
		l.owner = r.Owners[0]
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.last[l]) < logEvery {
		return
	}
	if len(c.last) >= maxLike {
		clear(c.last)
	}
	select {
	case c.queue <- failing{pod: r, container: e.Container, previous: previous}:
		c.last[l] = now
	default:
	}
}

// run reads logs until ctx ends.
func (c *crashLogs) run(ctx context.Context) {
	var all sync.WaitGroup
	for range logReaders {
		all.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case f := <-c.queue:
					c.read(ctx, f)
				}
			}
		})
	}
	all.Wait()
}

func (c *crashLogs) read(ctx context.Context, f failing) {
	lines, err := c.w.source.log(ctx, f.pod.Object, f.container, f.previous, c.lines)
	if err != nil || len(lines) == 0 {
		return // the container may be gone already
	}
	r := f.pod
	r.Time, r.Source = c.w.opts.Now().UTC(), SourceLogs
	r.Payload = &record.Log{Container: f.container, Previous: f.previous, Lines: lines}
	_ = c.w.opts.To.Append(r) // what is full counts by itself
}
