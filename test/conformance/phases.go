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

// tooLong are specs that take a minute or more each while the rest of the suite
// takes seconds: they wait for something that is slow on purpose (back-offs,
// grace periods, schedules by the minute). The fast profile leaves them out.
var tooLong = []string{
	`CronJob`,
	`should be restarted`,
	`should have monotonically increasing restart count`,
	`should \*not\* be restarted`,
	`updates should be reflected in volume`,
	`should not start app containers`,
	`RollingUpdate`,
	`ServiceAccountIssuerDiscovery`,
	`should orphan`,
	`should proxy through a service and a pod`,
	`session affinity`,
	`Guestbook application`,
	`should not be very high`,
}

// phases are how a focus is run: first what may run at once, then the rest one
// by one.
func phases(o options) []suite.Phase {
	parallel := suite.Phase{Name: "parallel", LabelFilter: "Conformance && !Serial && !Disruptive", Procs: o.procs, Timeout: o.timeout}
	serial := suite.Phase{Name: "serial", LabelFilter: "Conformance && (Serial || Disruptive)", Procs: 1, Timeout: o.timeout}
	switch o.focus {
	case focusFast:
		parallel.LabelFilter += " && !Slow"
		parallel.Skip = tooLong
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
