package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/bulkhead-k8s/bulkhead/examples/shop/store"
)

// shelf is what the API needs of the store.
type shelf interface {
	Ping(ctx context.Context) error
	Products(ctx context.Context) ([]store.Product, error)
	Orders(ctx context.Context, limit int) ([]store.Order, error)
	Restocks(ctx context.Context, limit int) ([]store.Restock, error)
	PlaceOrder(ctx context.Context, productID int64, quantity int) (store.Order, error)
}

// maxQuantity of one order; more is a mistake or mischief.
const maxQuantity = 1000

func (h *handler) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", h.ready)
	mux.Handle("GET /products", h.with(func(r *http.Request, s shelf) (int, any, error) {
		all, err := s.Products(r.Context())
		return http.StatusOK, all, err
	}))
	mux.Handle("GET /orders", h.with(func(r *http.Request, s shelf) (int, any, error) {
		limit, err := limitOf(r)
		if err != nil {
			return 0, nil, err
		}
		all, err := s.Orders(r.Context(), limit)
		return http.StatusOK, all, err
	}))
	mux.Handle("GET /restocks", h.with(func(r *http.Request, s shelf) (int, any, error) {
		limit, err := limitOf(r)
		if err != nil {
			return 0, nil, err
		}
		all, err := s.Restocks(r.Context(), limit)
		return http.StatusOK, all, err
	}))
	mux.Handle("POST /orders", h.with(placeOrder))
	return mux
}

// badRequest is the caller's mistake.
type badRequest string

func (b badRequest) Error() string { return string(b) }

func placeOrder(r *http.Request, s shelf) (int, any, error) {
	var in struct {
		ProductID int64 `json:"productId"`
		Quantity  int   `json:"quantity"`
	}
	dec := json.NewDecoder(http.MaxBytesReader(nil, r.Body, 1<<16))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		return 0, nil, badRequest("read order: " + err.Error())
	}
	if in.Quantity < 1 || in.Quantity > maxQuantity {
		return 0, nil, badRequest(fmt.Sprintf("quantity %d: must be from 1 to %d", in.Quantity, maxQuantity))
	}
	o, err := s.PlaceOrder(r.Context(), in.ProductID, in.Quantity)
	return http.StatusCreated, o, err
}

func limitOf(r *http.Request) (int, error) {
	v := r.URL.Query().Get("limit")
	if v == "" {
		return 20, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > 1000 {
		return 0, badRequest(fmt.Sprintf("limit %q: must be a number from 1 to 1000", v))
	}
	return n, nil
}

func (h *handler) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), time.Second)
	defer cancel()
	box := h.shelf.Load()
	switch {
	case h.stopping.Load():
		http.Error(w, "stopping", http.StatusServiceUnavailable)
	case box == nil:
		http.Error(w, "waiting for the database", http.StatusServiceUnavailable)
	default:
		if err := box.Ping(ctx); err != nil {
			http.Error(w, "the database does not answer: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	}
}

// with answers from the store, once there is one, in JSON.
func (h *handler) with(do func(*http.Request, shelf) (int, any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		box := h.shelf.Load()
		if box == nil {
			answer(w, http.StatusServiceUnavailable, problem{"waiting for the database"})
			return
		}
		status, body, err := do(r, box)
		if err != nil {
			status, body = statusOf(err), problem{err.Error()}
			if status == http.StatusInternalServerError {
				slog.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
			}
		}
		answer(w, status, body)
	})
}

type problem struct {
	Error string `json:"error"`
}

func statusOf(err error) int {
	var bad badRequest
	switch {
	case errors.As(err, &bad):
		return http.StatusBadRequest
	case errors.Is(err, store.ErrNoProduct):
		return http.StatusNotFound
	case errors.Is(err, store.ErrOutOfStock):
		return http.StatusConflict
	}
	return http.StatusInternalServerError
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller has gone if it fails
}
