package doctor

import (
	"context"
	"strings"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
)

// need says which clusters a check matters to.
type need int

const (
	always         need = iota // every cluster
	withContainers             // not one of simulated nodes
)

// when says who runs a check.
type when int

const (
	preflight  when = iota // the daemon before it changes anything, and the doctor
	doctorOnly             // too slow, or never a reason not to start
)

// Check is one row of the table.
type Check struct {
	Name string
	Need need
	When when
	// Run looks at the host for a cluster with these settings. Name is filled
	// in by the caller.
	Run func(*Host, *config.Config) Result
}

// Checks is the table, in the order in which results are shown.
func Checks() []Check {
	return []Check{
		{"operating system", always, preflight, checkOS},
		{"privileges", withContainers, preflight, checkPrivileges},
		{"kernel", withContainers, preflight, checkKernel},
		{"cgroups", withContainers, preflight, checkCgroups},
		{"overlayfs", withContainers, preflight, checkOverlay},
		{"virtual networks", withContainers, preflight, checkLinks},
		{"nftables", withContainers, preflight, checkNFTables},
		{"iptables", withContainers, doctorOnly, checkIptables},
		{"connection tracking", withContainers, doctorOnly, checkConntrack},
		{"mount program", withContainers, preflight, checkMountProgram},
		{"kernel messages", withContainers, preflight, checkKmsg},
		{"user namespaces", withContainers, doctorOnly, checkUserNamespaces},
		{"resource limits", withContainers, doctorOnly, checkSysResource},
		{"inotify", always, preflight, checkInotify},
		{"swap", withContainers, doctorOnly, checkSwap},
		{"data directory lock", always, preflight, checkLock},
		{"data directory", always, preflight, checkDataDir},
		{"data format", always, preflight, checkFormat},
		{"disk space", always, preflight, checkDiskSpace},
		{"file modes", always, doctorOnly, checkModes},
		{"ports", always, preflight, checkPorts},
		{"clock", always, preflight, checkClock},
		{"default route", withContainers, doctorOnly, checkDefaultRoute},
		{"address ranges", withContainers, doctorOnly, checkRanges},
		{"host name", always, doctorOnly, checkHostname},
		{"name servers", withContainers, doctorOnly, checkResolvConf},
	}
}

// Run gathers this machine's state and returns the result of every check that
// matters to a cluster with the settings of c.
func Run(ctx context.Context, c *config.Config) []Result {
	return judge(Gather(ctx, c, true), c, true)
}

// Preflight runs the checks that a start depends on. It changes nothing and
// returns a *PreflightError with all that failed, or nil.
func Preflight(ctx context.Context, c *config.Config) error {
	var failed []Result
	host := Gather(ctx, c, false)
	host.Starting = true
	for _, result := range judge(host, c, false) {
		if result.Verdict == Failure {
			failed = append(failed, result)
		}
	}
	if len(failed) == 0 {
		return nil
	}
	return &PreflightError{Failed: failed}
}

// PreflightError says why a start was not attempted.
type PreflightError struct{ Failed []Result }

// Error has one line for each check that failed.
func (e *PreflightError) Error() string {
	lines := make([]string, len(e.Failed))
	for i, result := range e.Failed {
		lines[i] = result.String()
	}
	return strings.Join(lines, "\n")
}

func judge(host *Host, c *config.Config, all bool) []Result {
	var results []Result
	for _, check := range Checks() {
		if c.Simulate && check.Need == withContainers || !all && check.When == doctorOnly {
			continue
		}
		result := check.Run(host, c)
		result.Check = check.Name
		results = append(results, result)
		if host.OS != "linux" {
			break // nothing else was gathered
		}
	}
	return results
}
