package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	_ "github.com/lib/pq" // the driver "postgres"
)

var (
	// ErrNoProduct indicates that a product does not exist.
	ErrNoProduct = errors.New("no such product")
	// ErrOutOfStock indicates that fewer items are in stock than were ordered.
	ErrOutOfStock = errors.New("not enough in stock")
)

// Product is something that can be ordered.
type Product struct {
	ID         int64  `json:"id"`
	Name       string `json:"name"`
	PriceCents int64  `json:"priceCents"`
	Stock      int    `json:"stock"`
}

// Order is a number of items of one product, at the price of its time.
type Order struct {
	ID         int64     `json:"id"`
	ProductID  int64     `json:"productId"`
	Product    string    `json:"product"`
	Quantity   int       `json:"quantity"`
	TotalCents int64     `json:"totalCents"`
	Created    time.Time `json:"created"`
}

// Restock is one round of filling up, as it was reported.
type Restock struct {
	ID       int64     `json:"id"`
	Products int       `json:"products"`
	Items    int       `json:"items"`
	Created  time.Time `json:"created"`
}

// Store is safe for concurrent use.
type Store struct{ db *sql.DB }

// Retry pauses between attempts to reach the database: at first short, since
// it is usually about to be ready, and never longer than two seconds.
const (
	firstPause = 100 * time.Millisecond
	longPause  = 2 * time.Second
)

// Open connects, trying until ctx ends, and brings the schema up to date. The
// source is a URL or key=value pairs; what it leaves out comes from PGHOST,
// PGUSER and their like.
func Open(ctx context.Context, source string, logf func(format string, args ...any)) (*Store, error) {
	db, err := sql.Open("postgres", source)
	if err != nil {
		return nil, fmt.Errorf("read database address: %w", err)
	}
	db.SetMaxOpenConns(10)
	db.SetMaxIdleConns(5)
	db.SetConnMaxLifetime(5 * time.Minute)
	s := &Store{db: db}
	for pause := firstPause; ; pause = min(2*pause, longPause) {
		if err = s.migrate(ctx); err == nil {
			return s, nil
		}
		logf("the database is not ready yet: %v", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("connect to the database: %w", err), db.Close())
		}
	}
}

// Close gives the connections back.
func (s *Store) Close() error { return s.db.Close() }

// Ping says whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.db.PingContext(ctx) }

// Products lists all products by name.
func (s *Store) Products(ctx context.Context) ([]Product, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT id, name, price_cents, stock FROM products ORDER BY name`)
	return collect(rows, err, "products", func(p *Product) []any {
		return []any{&p.ID, &p.Name, &p.PriceCents, &p.Stock}
	})
}

// Orders lists the newest orders first, at most limit of them.
func (s *Store) Orders(ctx context.Context, limit int) ([]Order, error) {
	rows, err := s.db.QueryContext(ctx, `
		SELECT o.id, o.product_id, p.name, o.quantity, o.total_cents, o.created
		FROM orders o JOIN products p ON p.id = o.product_id ORDER BY o.id DESC LIMIT $1`, limit)
	return collect(rows, err, "orders", func(o *Order) []any {
		return []any{&o.ID, &o.ProductID, &o.Product, &o.Quantity, &o.TotalCents, &o.Created}
	})
}

// Restocks lists the newest rounds of filling up first, at most limit of them.
func (s *Store) Restocks(ctx context.Context, limit int) ([]Restock, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT id, products, items, created FROM restocks ORDER BY id DESC LIMIT $1`, limit)
	return collect(rows, err, "restocks", func(r *Restock) []any {
		return []any{&r.ID, &r.Products, &r.Items, &r.Created}
	})
}

// PlaceOrder takes the items out of stock and records the order, both or
// neither. It returns ErrNoProduct or ErrOutOfStock.
func (s *Store) PlaceOrder(ctx context.Context, productID int64, quantity int) (Order, error) {
	o := Order{ProductID: productID, Quantity: quantity}
	err := s.inTransaction(ctx, func(tx *sql.Tx) error {
		// One statement tests and takes: a second order of the last item waits
		// for the row and then finds it empty.
		err := tx.QueryRowContext(ctx, `
			UPDATE products SET stock = stock - $2 WHERE id = $1 AND stock >= $2
			RETURNING name, price_cents * $2`, productID, quantity).Scan(&o.Product, &o.TotalCents)
		if errors.Is(err, sql.ErrNoRows) {
			return s.whyNot(ctx, tx, productID)
		}
		if err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `
			INSERT INTO orders (product_id, quantity, total_cents) VALUES ($1, $2, $3)
			RETURNING id, created`, productID, quantity, o.TotalCents).Scan(&o.ID, &o.Created)
	})
	if err != nil {
		return Order{}, fmt.Errorf("order %d of product %d: %w", quantity, productID, err)
	}
	return o, nil
}

func (s *Store) whyNot(ctx context.Context, tx *sql.Tx, productID int64) error {
	var exists bool
	if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM products WHERE id = $1)`, productID).Scan(&exists); err != nil {
		return err
	}
	if !exists {
		return ErrNoProduct
	}
	return ErrOutOfStock
}

// Restock fills every product with fewer than low items up to full, and
// records what it did.
func (s *Store) Restock(ctx context.Context, low, full int) (Restock, error) {
	var r Restock
	err := s.inTransaction(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `
			WITH short AS (SELECT id, stock FROM products WHERE stock < $1 FOR UPDATE),
			     filled AS (UPDATE products p SET stock = $2 FROM short WHERE p.id = short.id RETURNING $2 - short.stock AS added)
			INSERT INTO restocks (products, items)
			SELECT count(*), coalesce(sum(added), 0) FROM filled
			RETURNING id, products, items, created`, low, full).Scan(&r.ID, &r.Products, &r.Items, &r.Created)
	})
	if err != nil {
		return Restock{}, fmt.Errorf("restock: %w", err)
	}
	return r, nil
}

func (s *Store) inTransaction(ctx context.Context, do func(tx *sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

func collect[T any](rows *sql.Rows, err error, what string, fields func(*T) []any) ([]T, error) {
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", what, err)
	}
	defer rows.Close()
	all := []T{}
	for rows.Next() {
		var one T
		if err := rows.Scan(fields(&one)...); err != nil {
			return nil, fmt.Errorf("list %s: %w", what, err)
		}
		all = append(all, one)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list %s: %w", what, err)
	}
	return all, nil
}
