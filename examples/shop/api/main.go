// Command api is the shop's API.
//
//	api serve      answer HTTP on $LISTEN (default :8080)
//	api restock    fill up what runs low, report, and end
//
// The database is named by $DATABASE_URL, or by PGHOST, PGUSER, PGPASSWORD and
// PGDATABASE.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	command := "serve"
	if len(os.Args) > 1 {
		command = os.Args[1]
	}
	run, ok := map[string]func(context.Context) error{"serve": serve, "restock": restock}[command]
	if !ok {
		fmt.Fprintf(os.Stderr, "api: unknown command %q: use serve or restock\n", command)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "api:", err)
		os.Exit(1)
	}
}
