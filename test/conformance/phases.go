package main

import (
	"regexp"
	"slices"
	"time"

	"github.com/bulkhead-k8s/bulkhead/test/conformance/results"
	"github.com/bulkhead-k8s/bulkhead/test/conformance/suite"
)

const (
	focusFast = "fast"
	focusAll  = "all"
)

// tooLong are specs that take most of a minute or more each while the rest of the suite
// takes seconds: they wait for something that is slow on purpose (back-offs,
// grace periods, schedules by the minute). The fast profile leaves them out.
var tooLong = []string{
	`CronJob`,
	`issue 500 podspec updates`,
	`should \*not\* be restarted`,
	`should be restarted with a GRPC`,
	`should have monotonically increasing restart count`,
	`should never be ready and never restart`,
	`rolling updates and roll backs`,
	`canary updates and phased rolling updates`,
	`extended resize with equivalents`,
	`updates should be reflected in volume`,
	`switch session affinity`,
	`serve a basic endpoint from pods`,
	`watch on custom resource definition objects`,
	`backoffLimitPerIndex`,
	`DisruptionTarget condition`,
	`when starting a container that exits`,
	`with a exec "cat /tmp/health"`,
	`execute prestop http hook`,
	`Update Demo should scale`,
	`if init containers fail on a RestartAlways pod`,
	`writing subpaths in container`,
	`deny attaching pod`,
	`DNS for ExternalName`,
	`multiple endpoint IPs`,
}

// twins are specs that go through the same code as others that stay: the modes of
// a file in an emptyDir one by one, volumes that project what is also mounted
// alone. The fast profile leaves them out.
var twins = []string{
	`EmptyDir volumes should support \(`,
	`Projected (configMap|secret|downwardAPI)`,
	`Subpath Atomic writer`,
	`ClusterTrustBundle`,
}

// notHere are specs that cannot pass on one node with images made here; all
// others can. The fast profile leaves them out, so that it is green or tells
// something.
var notHere = []string{
	`should have at least two untainted nodes`,
	// It looks for "Alpine Linux" in the image's /etc/os-release.
	`ImageVolume should succeed with pod and pull policy of Always`,
	// It knows the words of busybox's own shell; see testimages.shell.
	`read only busybox container should not write to root filesystem`,
}

// phases are how a focus is run: first what may run at once, then the rest one
// by one.
func phases(o options) []suite.Phase {
	parallel := suite.Phase{Name: "parallel", LabelFilter: "Conformance && !Serial && !Disruptive", Procs: o.procs, Attempts: o.attempts, Timeout: o.timeout}
	serial := suite.Phase{Name: "serial", LabelFilter: "Conformance && (Serial || Disruptive)", Procs: 1, Attempts: o.attempts, Timeout: o.timeout}
	switch o.focus {
	case focusFast:
		parallel.LabelFilter += " && !Slow"
		parallel.Skip = slices.Concat(tooLong, twins, notHere)
		return []suite.Phase{parallel}
	case focusAll:
	default:
		parallel.Focus, serial.Focus = []string{o.focus}, []string{o.focus}
	}
	if !o.serial {
		return []suite.Phase{parallel}
	}
	return []suite.Phase{parallel, serial}
}

// notChosen says why a spec is in none of the phases.
func notChosen(o options) results.NotChosen {
	return func(name string, labels []string) string {
		serial := slices.Contains(labels, "Serial") || slices.Contains(labels, "Disruptive")
		switch {
		case o.focus == focusFast && matchesAny(notHere, name):
			return "cannot pass on one node with images made here"
		case o.focus == focusFast && (serial || slices.Contains(labels, "Slow") || matchesAny(tooLong, name)):
			return "not part of the fast profile"
		case o.focus != focusFast && serial && !o.serial:
			return "serial specs were not asked for"
		case o.focus != focusFast && o.focus != focusAll && !matchesAny([]string{o.focus}, name):
			return "does not match the focus"
		}
		return ""
	}
}

func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := regexp.MatchString(p, name)
		return ok && err == nil
	})
}

// left is what remains of the whole time for the next phase.
func left(total time.Duration, since time.Time) time.Duration {
	return max(total-time.Since(since), time.Minute).Round(time.Second)
}
