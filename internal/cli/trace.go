package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/stages"
)

// traceEvent is a complete event of the Trace Event Format, which
// chrome://tracing and https://ui.perfetto.dev read.
type traceEvent struct {
	Name     string            `json:"name"`
	Category string            `json:"cat,omitempty"`
	Phase    string            `json:"ph"`
	Start    int64             `json:"ts"`  // µs
	Duration int64             `json:"dur"` // µs
	Process  int               `json:"pid"`
	Thread   int               `json:"tid"`
	Args     map[string]string `json:"args,omitempty"`
}

type traceFile struct {
	Events []traceEvent `json:"traceEvents"`
	Unit   string       `json:"displayTimeUnit"`
}

// traceOf lays stages out in time. Those that overlap get different threads,
// since a viewer takes overlapping events of one thread for nested calls.
func traceOf(list []stages.Stage) traceFile {
	file := traceFile{Events: []traceEvent{}, Unit: "ms"}
	var laneEnds []time.Time
	for _, stage := range byStart(list) {
		lane := slices.IndexFunc(laneEnds, func(end time.Time) bool { return !stage.Started.Before(end) })
		if lane < 0 {
			lane = len(laneEnds)
			laneEnds = append(laneEnds, time.Time{})
		}
		laneEnds[lane] = stage.Finished
		event := traceEvent{
			Name: stage.Name, Category: "start", Phase: "X", Process: 1, Thread: lane + 1,
			Start: stage.Started.UnixMicro() - byStart(list)[0].Started.UnixMicro(), Duration: stage.Duration().Microseconds(),
		}
		if stage.Error != "" {
			event.Args = map[string]string{"error": stage.Error}
		}
		file.Events = append(file.Events, event)
	}
	return file
}

func byStart(list []stages.Stage) []stages.Stage {
	return slices.SortedStableFunc(slices.Values(list), func(a, b stages.Stage) int { return a.Started.Compare(b.Started) })
}

// writeTrace writes the stages to path and prints them as a table.
func (a *app) writeTrace(path string, list []stages.Stage) error {
	data, err := json.Marshal(traceOf(list))
	if err == nil {
		err = os.WriteFile(path, append(data, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("write the trace: %w", err)
	}
	a.printf("\n%10s %10s  %s\n", "BEGAN", "TOOK", "STAGE")
	ordered := byStart(list)
	for _, stage := range ordered {
		indent := ""
		if stage.Detail {
			indent = "  "
		}
		a.printf("%10s %10s  %s%s\n", seconds(stage.Started.Sub(ordered[0].Started)), seconds(stage.Duration()), indent, stage.Name)
	}
	a.printf("\nTrace written to %s; open it in https://ui.perfetto.dev or chrome://tracing.\n", path)
	return nil
}
