// Command deploy puts the shop onto the cluster of this machine and shows what
// it answers: the last part of `make up`.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

// limit bounds everything. Assembling the images takes the longest, when all
// their packages have to be fetched.
const limit = 15 * time.Minute

func main() {
	bulkhead := flag.String("bulkhead", "bin/bulkhead", "the program bulkhead")
	dataDir := flag.String("data-dir", "", "data directory of the cluster (default: the usual one)")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	c := cluster{bulkhead: *bulkhead, dataDir: *dataDir}
	if err := deploy(ctx, c); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}
