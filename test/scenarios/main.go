package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
)

func main() {
	only := flag.String("only", "", "only scenarios whose name contains this")
	verbose := flag.Bool("v", false, "print each scenario's notes and what the catalogue does not use")
	flag.Parse()
	if err := run(*only, *verbose); err != nil {
		fmt.Fprintln(os.Stderr, "scenarios:", err)
		os.Exit(1)
	}
}

func run(only string, verbose bool) error {
	all, err := load(catalogue)
	if err != nil {
		return err
	}
	var outcomes []*outcome
	for i := range all {
		if !strings.Contains(all[i].Name, only) {
			continue
		}
		o, err := all[i].judged(context.Background())
		if err != nil {
			return err
		}
		outcomes = append(outcomes, o)
	}
	report(os.Stdout, outcomes, verbose)
	for _, o := range outcomes {
		if !o.passes() && o.scenario.Known == "" {
			return fmt.Errorf("%s and perhaps others do not pass", o.scenario.Name)
		}
	}
	return nil
}
