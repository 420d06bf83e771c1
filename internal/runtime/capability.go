package runtime

import (
	"fmt"
	"os"
	"regexp"
	"strconv"

	"golang.org/x/sys/unix"
)

// canLowerOOMScore says whether this process, and so its children, may make a
// process less likely to be chosen by the OOM killer.
func canLowerOOMScore() (bool, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return false, fmt.Errorf("read own capabilities: %w", err)
	}
	return hasCapability(status, unix.CAP_SYS_RESOURCE)
}

var effectiveCapabilities = regexp.MustCompile(`(?m)^CapEff:\s*([0-9a-f]+)$`)

// hasCapability looks for an effective capability in what /proc/<pid>/status
// says.
func hasCapability(status []byte, capability int) (bool, error) {
	match := effectiveCapabilities.FindSubmatch(status)
	if match == nil {
		return false, fmt.Errorf("read own capabilities: no CapEff in the process' status")
	}
	set, err := strconv.ParseUint(string(match[1]), 16, 64)
	if err != nil {
		return false, fmt.Errorf("read own capabilities: %w", err)
	}
	return set&(1<<capability) != 0, nil
}
