// Command journal measures internal/journal: writing on one core, bytes a record,
// the history of an object among many records, and opening.
//
//	go run ./bench/journal [-records 10000000] [-dir DIR]
//
// The records are a mix that is stated with the result; see mix.go. Peers are in
// modules of their own: bench/journal/pebble.
package main
