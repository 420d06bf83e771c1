// Crash is a Go program that dumps core.
package main

import "os"

//go:noinline
func pour(cargo map[string]int) { cargo["water"]++ }

func main() {
	if len(os.Args) > 1 {
		pour(nil) // a panic
	}
}
