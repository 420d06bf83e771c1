package supervisor

import "time"

// How long to wait before starting again: a second, doubled with each end that
// follows soon, to half a minute. One that was ready for a minute counts as
// well again.
const (
	firstPause = time.Second
	maxPause   = 30 * time.Second
	wellAfter  = time.Minute
)

// run is how one run of the program went.
type run struct {
	// status is the exit status; below zero if a signal ended it.
	status int
	// ready says that it had reported to be ready, and readyFor since when.
	ready    bool
	readyFor time.Duration
}

// decide says whether to start again after a run, and after which pause. first
// is true until some run has been ready; pause is the last one, or 0.
func decide(r run, first bool, pause time.Duration) (again bool, next time.Duration) {
	if r.status == 0 {
		return false, 0
	}
	if first && !r.ready && r.status > 0 {
		return false, 0 // it said why it cannot start, and would say so again
	}
	if pause == 0 || r.readyFor >= wellAfter {
		return true, firstPause
	}
	return true, min(2*pause, maxPause)
}
