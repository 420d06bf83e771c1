package incident

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	tries     = 6
	writeTime = 10 * time.Second
	maxTodo   = 256
)

// outbox carries actions out in the background: of each incident, the last state.
type outbox struct {
	store Store
	wake  chan struct{}

	mu    sync.Mutex
	order []string
	last  map[string]Action
	todo  []func(context.Context) error
}

func newOutbox(s Store) *outbox {
	return &outbox{store: s, wake: make(chan struct{}, 1), last: map[string]Action{}}
}

func (o *outbox) put(a Action) {
	key := a.Incident.Namespace + "/" + a.Incident.Name
	o.mu.Lock()
	if _, waits := o.last[key]; !waits {
		o.order = append(o.order, key)
	}
	o.last[key] = a
	o.mu.Unlock()
	o.signal()
}

// do runs f once, after what was put before.
func (o *outbox) do(f func(context.Context) error) {
	o.mu.Lock()
	if len(o.todo) < maxTodo {
		o.todo = append(o.todo, f)
	}
	o.mu.Unlock()
	o.signal()
}

func (o *outbox) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// run writes until ctx ends.
func (o *outbox) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-o.wake:
		}
		for ctx.Err() == nil {
			f := o.take()
			if f == nil {
				break
			}
			retry(ctx, f)
		}
	}
}

// take is the next thing to do; nil if there is none.
func (o *outbox) take() func(context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.order) > 0 {
		key := o.order[0]
		a := o.last[key]
		o.order = o.order[1:]
		delete(o.last, key)
		return func(ctx context.Context) error { return o.write(ctx, &a) }
	}
	if len(o.todo) > 0 {
		f := o.todo[0]
		o.todo = o.todo[1:]
		return f
	}
	return nil
}

func (o *outbox) write(ctx context.Context, a *Action) error {
	if a.Verb == Forget {
		return o.store.Delete(ctx, &a.Incident)
	}
	return o.store.Write(ctx, &a.Incident)
}

// retry tries a few times. An incident that is not written then is with its next
// update.
func retry(ctx context.Context, f func(context.Context) error) {
	pause := 200 * time.Millisecond
	for n := 1; ; n++ {
		try, cancel := context.WithTimeout(ctx, writeTime)
		err := f(try)
		cancel()
		if err == nil || ctx.Err() != nil {
			return
		}
		if n == tries || permanent(err) {
			slog.Warn("an incident was not written", "err", err)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause *= 2
	}
}
