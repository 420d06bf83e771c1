// Command peers compares the diagnosis with programs of others, on the scenarios
// of test/scenarios: each one's final state is served as an API server serves it,
// and k8sgpt's analyzers, Popeye and `bulkhead why` are run against that.
//
//	go run ./bench/diagnose/peers
//
// The programs are built as they are, from the modules popeye and k8sgpt below
// this folder, which need the network: this is not part of CI.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	root := flag.String("root", ".", "the repository")
	only := flag.String("only", "", "only scenarios whose name contains this")
	tools := flag.String("tools", "bulkhead,popeye,k8sgpt,k8sgpt-all", "which programs to run")
	bin := flag.String("bin", "bin", "folder of the repository that the programs are built into")
	verbose := flag.Bool("v", false, "print what each program names in each scenario")
	flag.Parse()
	if err := run(context.Background(), *root, *bin, *only, strings.Split(*tools, ","), *verbose); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, root, bin, only string, names []string, verbose bool) error {
	dir, err := filepath.Abs(filepath.Join(root, bin))
	if err != nil {
		return err
	}
	tools, err := build(ctx, root, dir, names)
	if err != nil {
		return err
	}
	all, err := load(root, only)
	if err != nil {
		return err
	}
	t := newTable(names)
	for _, s := range all {
		records, err := s.records(ctx)
		if err != nil {
			return err
		}
		state, err := stateOf(records, s.At)
		if err != nil {
			return fmt.Errorf("scenario %s: %w", s.name, err)
		}
		t.add(s, recorded, diagnosed(records))
		for _, tool := range tools {
			named, err := against(ctx, state, tool)
			if err != nil {
				// A program that ends without a report has named nothing.
				t.failures = append(t.failures, fmt.Sprintf("%s on %s: %v", tool.name, s.name, err))
			}
			t.add(s, tool.name, named)
			if verbose {
				fmt.Printf("%s\t%s\twanted %s\tgot %s\n", s.name, tool.name, s.wanted(), printed(named))
			}
		}
	}
	t.print(os.Stdout)
	return nil
}
