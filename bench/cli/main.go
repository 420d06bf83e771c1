// Command cli measures how long `bulkhead` takes for what needs no cluster: the
// wait that is felt at every command and every completion.
//
//	go run ./bench/cli [-n 50] [-program bin/bulkhead]
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// target is what people do not notice yet.
const target = 50 * time.Millisecond

func main() {
	runs := flag.Int("n", 50, "how often each command runs")
	program := flag.String("program", "bin/bulkhead", "the program to measure")
	flag.Parse()
	slow, err := measure(*program, *runs)
	if err != nil {
		fmt.Fprintln(os.Stderr, "cli:", err)
		os.Exit(1)
	}
	if slow {
		os.Exit(2)
	}
}

func measure(program string, runs int) (slow bool, err error) {
	fmt.Printf("%-28s %10s %10s %10s %12s\n", "command", "median", "fastest", "slowest", "median RSS")
	for _, args := range []string{"version --client", "--help", "completion bash"} {
		var took []time.Duration
		var peak []int64
		for range runs {
			cmd := exec.Command(program, strings.Fields(args)...)
			began := time.Now()
			if err := cmd.Run(); err != nil {
				return false, fmt.Errorf("%s %s: %w", program, args, err)
			}
			took = append(took, time.Since(began))
			peak = append(peak, peakBytes(cmd.ProcessState))
		}
		slices.Sort(took)
		slices.Sort(peak)
		median := took[len(took)/2]
		slow = slow || median > target
		fmt.Printf("%-28s %10s %10s %10s %9.1f MB\n", "bulkhead "+args, round(median), round(took[0]), round(took[len(took)-1]), float64(peak[len(peak)/2])/1e6)
	}
	if slow {
		fmt.Printf("slower than the target of %v\n", target)
	}
	return slow, nil
}

func round(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }
