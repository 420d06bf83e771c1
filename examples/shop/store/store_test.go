//go:build unix

package store

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-k8s/bulkhead/examples/shop/store/pgtest"
)

func openStore(t *testing.T) *Store {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	s, err := Open(ctx, pgtest.Start(t), t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestOrdersTakeFromStock(t *testing.T) {
	s := openStore(t)
	ctx := t.Context()
	products, err := s.Products(ctx)
	if err != nil || len(products) != 5 {
		t.Fatalf("a new shop has %d products (%v), want 5", len(products), err)
	}
	anchor := products[0]
	o, err := s.PlaceOrder(ctx, anchor.ID, 2)
	if err != nil {
		t.Fatal(err)
	}
	if o.Product != "Anchor" || o.TotalCents != 2*anchor.PriceCents || o.Created.IsZero() {
		t.Errorf("got order %+v", o)
	}
	if _, err := s.PlaceOrder(ctx, anchor.ID, anchor.Stock-1); !errors.Is(err, ErrOutOfStock) {
		t.Errorf("an order of more than is left gave %v, want ErrOutOfStock", err)
	}
	if _, err := s.PlaceOrder(ctx, 999, 1); !errors.Is(err, ErrNoProduct) {
		t.Errorf("an order of nothing known gave %v, want ErrNoProduct", err)
	}
	orders, err := s.Orders(ctx, 10)
	if err != nil || len(orders) != 1 || orders[0] != o {
		t.Errorf("orders are %+v (%v), want the one that was placed", orders, err)
	}
	if products, err = s.Products(ctx); err != nil || products[0].Stock != anchor.Stock-2 {
		t.Errorf("stock is %d (%v), want %d", products[0].Stock, err, anchor.Stock-2)
	}
}

func TestOrdersAtOnceNeverOversell(t *testing.T) {
	s := openStore(t)
	products, err := s.Products(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	anchor := products[0]
	var wg sync.WaitGroup
	results := make(chan error, 3*anchor.Stock)
	for range 3 * anchor.Stock {
		wg.Go(func() {
			_, err := s.PlaceOrder(t.Context(), anchor.ID, 1)
			results <- err
		})
	}
	wg.Wait()
	close(results)
	sold := 0
	for err := range results {
		switch {
		case err == nil:
			sold++
		case !errors.Is(err, ErrOutOfStock):
			t.Error(err)
		}
	}
	if sold != anchor.Stock {
		t.Errorf("sold %d of %d", sold, anchor.Stock)
	}
}

func TestRestockFillsWhatRunsLow(t *testing.T) {
	s := openStore(t)
	ctx := t.Context()
	// Of the five products, Anchor (12) and Compass (15) have fewer than 20.
	r, err := s.Restock(ctx, 20, 50)
	if err != nil {
		t.Fatal(err)
	}
	if r.Products != 2 || r.Items != (50-12)+(50-15) {
		t.Errorf("restocked %d products with %d items, want 2 with 73", r.Products, r.Items)
	}
	again, err := s.Restock(ctx, 20, 50)
	if err != nil || again.Products != 0 || again.Items != 0 {
		t.Errorf("a second round did %+v (%v), want nothing", again, err)
	}
	rounds, err := s.Restocks(ctx, 10)
	if err != nil || len(rounds) != 2 || rounds[0].ID != again.ID {
		t.Errorf("rounds are %+v (%v), want both, the newest first", rounds, err)
	}
}

func TestReplicasMigrateAtOnce(t *testing.T) {
	source := pgtest.Start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			s, err := Open(ctx, source, func(format string, args ...any) { t.Errorf(format, args...) })
			if err != nil {
				t.Error(err)
				return
			}
			s.Close()
		})
	}
	wg.Wait()
}

func TestOpenGivesUpWithTheReason(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	tries := 0
	// Port 1 of the loopback has no listener.
	_, err := Open(ctx, "postgres://shop:x@127.0.0.1:1/shop?sslmode=disable", func(string, ...any) { tries++ })
	if err == nil || !strings.Contains(err.Error(), "connect to the database") || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v", err)
	}
	if tries < 2 {
		t.Errorf("tried %d times, want more", tries)
	}
}
