package doctor

import "fmt"

// Verdict is what a check concludes.
type Verdict string

const (
	OK      Verdict = "OK"
	Warning Verdict = "Warning" // works, with a drawback
	Failure Verdict = "Failure" // does not work until it is remedied
)

// Result is the outcome of one check.
type Result struct {
	Check   string  `json:"check"`
	Verdict Verdict `json:"verdict"`
	// Found says in one sentence what was seen.
	Found string `json:"found"`
	// Remedy says what to do; empty if all is well.
	Remedy string `json:"remedy,omitempty"`
}

// String is the result in one line.
func (r Result) String() string {
	line := r.Check + ": " + r.Found
	if r.Remedy != "" {
		line += "; " + r.Remedy
	}
	return line
}

func ok(format string, args ...any) Result {
	return Result{Verdict: OK, Found: fmt.Sprintf(format, args...)}
}

func warn(remedy, format string, args ...any) Result {
	return Result{Verdict: Warning, Found: fmt.Sprintf(format, args...), Remedy: remedy}
}

func fail(remedy, format string, args ...any) Result {
	return Result{Verdict: Failure, Found: fmt.Sprintf(format, args...), Remedy: remedy}
}
