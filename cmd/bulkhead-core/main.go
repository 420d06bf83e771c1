// Bulkhead-core takes a core dump from the kernel and makes a report of it. The
// kernel runs it by /proc/sys/kernel/core_pattern; nobody else does.
package main

import (
	"fmt"
	"os"

	"github.com/bulkhead-k8s/bulkhead/internal/observe/coredump"
)

func main() {
	executable, err := os.Executable()
	if err == nil {
		err = coredump.Handle(executable, os.Args[1:], os.Stdin)
	}
	if err != nil {
		// The kernel's log is the only place that the kernel leaves its helpers.
		message := fmt.Sprintf("bulkhead-core: %v\n", err)
		fmt.Fprint(os.Stderr, message)
		if log, err := os.OpenFile("/dev/kmsg", os.O_WRONLY, 0); err == nil {
			fmt.Fprint(log, message)
		}
		os.Exit(1)
	}
}
