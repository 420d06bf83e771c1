package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bulkhead-k8s/bulkhead/examples/shop/store"
)

// fixedShelf answers what the test says.
type fixedShelf struct {
	pingErr  error
	orderErr error
	limit    int
}

func (f *fixedShelf) Ping(context.Context) error { return f.pingErr }

func (f *fixedShelf) Products(context.Context) ([]store.Product, error) {
	return []store.Product{{ID: 1, Name: "Anchor", PriceCents: 4900, Stock: 3}}, nil
}

func (f *fixedShelf) Orders(_ context.Context, limit int) ([]store.Order, error) {
	f.limit = limit
	return []store.Order{}, nil
}

func (f *fixedShelf) Restocks(context.Context, int) ([]store.Restock, error) {
	return nil, errors.New("disk on fire")
}

func (f *fixedShelf) PlaceOrder(_ context.Context, id int64, n int) (store.Order, error) {
	return store.Order{ID: 7, ProductID: id, Quantity: n}, f.orderErr
}

func TestAnswers(t *testing.T) {
	out := &fixedShelf{orderErr: store.ErrOutOfStock}
	for _, c := range []struct {
		name, method, path, body string
		shelf                    shelf
		stopping                 bool
		status                   int
		contains                 string
	}{
		{name: "alive without a database", path: "/healthz", status: 200, contains: "ok"},
		{name: "not ready without a database", path: "/readyz", status: 503, contains: "waiting for the database"},
		{name: "no products without a database", path: "/products", status: 503, contains: "waiting for the database"},
		{name: "ready", path: "/readyz", shelf: &fixedShelf{}, status: 200, contains: "ok"},
		{name: "not ready when stopping", path: "/readyz", shelf: &fixedShelf{}, stopping: true, status: 503, contains: "stopping"},
		{name: "not ready when the database is gone", path: "/readyz", shelf: &fixedShelf{pingErr: errors.New("gone")}, status: 503, contains: "gone"},
		{name: "products", path: "/products", shelf: &fixedShelf{}, status: 200, contains: `[{"id":1,"name":"Anchor","priceCents":4900,"stock":3}]`},
		{name: "orders are a list even if empty", path: "/orders", shelf: &fixedShelf{}, status: 200, contains: "[]"},
		{name: "a bad limit", path: "/orders?limit=many", shelf: &fixedShelf{}, status: 400, contains: `limit \"many\"`},
		{name: "a failing database", path: "/restocks", shelf: &fixedShelf{}, status: 500, contains: "disk on fire"},
		{name: "an order", method: "POST", path: "/orders", body: `{"productId":1,"quantity":2}`, shelf: &fixedShelf{}, status: 201, contains: `"id":7`},
		{name: "an order of nothing", method: "POST", path: "/orders", body: `{"productId":1}`, shelf: &fixedShelf{}, status: 400, contains: "quantity 0"},
		{name: "an order that is no JSON", method: "POST", path: "/orders", body: `two`, shelf: &fixedShelf{}, status: 400, contains: "read order"},
		{name: "an order with a misspelt field", method: "POST", path: "/orders", body: `{"product":1,"quantity":2}`, shelf: &fixedShelf{}, status: 400, contains: "unknown field"},
		{name: "out of stock", method: "POST", path: "/orders", body: `{"productId":1,"quantity":2}`, shelf: out, status: 409, contains: "not enough in stock"},
		{name: "no such product", method: "POST", path: "/orders", body: `{"productId":9,"quantity":2}`, shelf: &fixedShelf{orderErr: store.ErrNoProduct}, status: 404, contains: "no such product"},
		{name: "another method", method: "DELETE", path: "/products", shelf: &fixedShelf{}, status: 405},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &handler{}
			if c.shelf != nil {
				h.shelf.Store(&shelfBox{c.shelf})
			}
			h.stopping.Store(c.stopping)
			method := c.method
			if method == "" {
				method = http.MethodGet
			}
			rec := httptest.NewRecorder()
			h.routes().ServeHTTP(rec, httptest.NewRequest(method, c.path, strings.NewReader(c.body)))
			body, err := io.ReadAll(rec.Body)
			if err != nil {
				t.Fatal(err)
			}
			if rec.Code != c.status || !strings.Contains(string(body), c.contains) {
				t.Errorf("got %d %s, want %d and %q", rec.Code, body, c.status, c.contains)
			}
		})
	}
}

func TestLimitReachesTheStore(t *testing.T) {
	f := &fixedShelf{}
	h := &handler{}
	h.shelf.Store(&shelfBox{f})
	for query, want := range map[string]int{"": 20, "?limit=5": 5} {
		h.routes().ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/orders"+query, nil))
		if f.limit != want {
			t.Errorf("%q asked for %d, want %d", query, f.limit, want)
		}
	}
}
