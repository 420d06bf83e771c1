package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/bulkhead-k8s/bulkhead/examples/shop/store"
)

const (
	// connectWithin bounds the wait for the database; after it the process
	// ends with its reason and the kubelet starts it again.
	connectWithin = 2 * time.Minute
	// drainFor is how long the API still answers after it was asked to stop:
	// Services learn of it a moment later than the process.
	drainFor = 3 * time.Second
	// finishWithin bounds requests that are under way at the end.
	finishWithin = 10 * time.Second

	restockBelow = 10
	restockTo    = 50
)

func open(ctx context.Context) (*store.Store, error) {
	ctx, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	source := cmp.Or(os.Getenv("DATABASE_URL"), "sslmode=disable")
	return store.Open(ctx, source, func(format string, args ...any) { slog.Info(fmt.Sprintf(format, args...)) })
}

func serve(ctx context.Context) error {
	l, err := net.Listen("tcp", cmp.Or(os.Getenv("LISTEN"), ":8080"))
	if err != nil {
		return err
	}
	h := &handler{}
	// It listens before the database is there: liveness holds, readiness not.
	srv := &http.Server{Handler: h.routes(), ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	slog.Info("listening", "address", l.Addr().String())

	s, err := open(ctx)
	if err != nil {
		return errors.Join(err, srv.Close())
	}
	defer s.Close()
	h.shelf.Store(&shelfBox{s})
	slog.Info("the database is ready")

	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	slog.Info("stopping")
	h.stopping.Store(true)
	time.Sleep(drainFor)
	stop, cancel := context.WithTimeout(context.Background(), finishWithin)
	defer cancel()
	return srv.Shutdown(stop)
}

func restock(ctx context.Context) error {
	s, err := open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	r, err := s.Restock(ctx, restockBelow, restockTo)
	if err != nil {
		return err
	}
	slog.Info("restocked", "round", r.ID, "products", r.Products, "items", r.Items)
	products, err := s.Products(ctx)
	if err != nil {
		return err
	}
	for _, p := range products {
		slog.Info("stock", "product", p.Name, "items", p.Stock)
	}
	return nil
}

// shelfBox lets an interface be stored atomically.
type shelfBox struct{ shelf }

type handler struct {
	shelf    atomic.Pointer[shelfBox]
	stopping atomic.Bool
}
