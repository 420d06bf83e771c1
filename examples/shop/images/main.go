// Command images assembles the shop's container images into one archive.
//
//	go run ./examples/shop/images -o shop.tar
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/bulkhead-k8s/bulkhead/examples/shop"
	"github.com/bulkhead-k8s/bulkhead/internal/image"
)

func main() {
	out := flag.String("o", "shop.tar", "file to write the archive to")
	cache := flag.String("cache", image.DefaultCacheDir(), "directory that keeps layers and packages")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *out, *cache); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out, cache string) error {
	b := image.Builder{CacheDir: cache, Logf: func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, format+"\n", args...)
	}}
	images, err := shop.Images(ctx, b)
	if err != nil {
		return err
	}
	return image.WriteArchiveFile(out, images)
}
