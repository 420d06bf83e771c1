package store

import (
	"context"
	"database/sql"
)

// schemaLock is the advisory lock under which the replicas bring the schema up
// to date one after the other; the number only has to be the same everywhere.
const schemaLock = 7_304_001

// schema may run any number of times.
const schema = `
CREATE TABLE IF NOT EXISTS products (
	id          bigserial PRIMARY KEY,
	name        text NOT NULL UNIQUE,
	price_cents bigint NOT NULL CHECK (price_cents >= 0),
	stock       integer NOT NULL CHECK (stock >= 0)
);
CREATE TABLE IF NOT EXISTS orders (
	id          bigserial PRIMARY KEY,
	product_id  bigint NOT NULL REFERENCES products,
	quantity    integer NOT NULL CHECK (quantity > 0),
	total_cents bigint NOT NULL,
	created     timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS restocks (
	id       bigserial PRIMARY KEY,
	products integer NOT NULL,
	items    integer NOT NULL,
	created  timestamptz NOT NULL DEFAULT now()
);
INSERT INTO products (name, price_cents, stock) VALUES
	('Anchor',      4900, 12),
	('Brass bell',  2350, 20),
	('Compass',     3100, 15),
	('Life buoy',   2700, 30),
	('Ship''s log', 1450, 40)
ON CONFLICT (name) DO NOTHING;
`

func (s *Store) migrate(ctx context.Context) error {
	return s.inTransaction(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, schemaLock); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, schema)
		return err
	})
}
