//go:build unix

// Command postgres is the entry point of the shop's database image: it makes
// the database cluster on the first start and then becomes the server.
//
//	/entrypoint          make the cluster if there is none, then serve
//	/entrypoint ready    exit 0 if the server takes connections
package main

import (
	"fmt"
	"os"
)

func main() {
	run := serve
	if len(os.Args) > 1 && os.Args[1] == "ready" {
		run = ready
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "entrypoint:", err)
		os.Exit(1)
	}
}
