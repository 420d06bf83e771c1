// Package store keeps the shop's products, orders and stock in PostgreSQL.
//
// Its one rule: stock never becomes negative, however many orders arrive at
// once.
package store
