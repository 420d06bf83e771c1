package main

import (
	"time"

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
// by one. The second value says why a spec that is in none of them did not run.
func phases(o options) ([]suite.Phase, string) {
	parallel := suite.Phase{Name: "parallel", LabelFilter: "Conformance && !Serial && !Disruptive", Procs: o.procs, Timeout: o.timeout}
	serial := suite.Phase{Name: "serial", LabelFilter: "Conformance && (Serial || Disruptive)", Procs: 1, Timeout: o.timeout}
	notRun := "serial specs were not asked for"
	switch o.focus {
	case focusFast:
		parallel.LabelFilter += " && !Slow"
		parallel.Skip = tooLong
		return []suite.Phase{parallel}, "not part of the fast profile"
	case focusAll:
	default:
		parallel.Focus, serial.Focus = []string{o.focus}, []string{o.focus}
		notRun = "does not match the focus"
	}
	if !o.serial {
		return []suite.Phase{parallel}, notRun
	}
	return []suite.Phase{parallel, serial}, notRun
}

// left is what remains of the whole time for the next phase.
func left(total time.Duration, since time.Time) time.Duration {
	return max(total-time.Since(since), time.Minute).Round(time.Second)
}
