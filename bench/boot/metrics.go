package main

import "fmt"

// metric is one line of the report.
type metric struct {
	name  string // the key in sample.Figures
	title string
	unit  unit
}

type unit int

const (
	inSeconds unit = iota
	inBytes
	inPercent
	perSecond
	number
)

func (u unit) format(v float64) string {
	switch u {
	case inBytes:
		return fmt.Sprintf("%.1f MB", v/1e6)
	case inPercent:
		return fmt.Sprintf("%.2f %%", v)
	case perSecond:
		return fmt.Sprintf("%.0f/s", v)
	case number:
		return fmt.Sprintf("%.0f", v)
	default:
		return fmt.Sprintf("%.2f s", v)
	}
}

// metrics are the report's lines, in their order.
var metrics = []metric{
	{"cold-api-ready", "cold start: API ready", inSeconds},
	{"cold-first-pod", "cold start: first pod answers", inSeconds},
	{"cold-cpu", "cold start: CPU until then", inSeconds},
	{"cold-cpu-user", "… of which user", inSeconds},
	{"cold-cpu-system", "… of which system", inSeconds},
	{"warm-api-ready", "warm restart: API ready", inSeconds},
	{"warm-first-pod", "warm restart: first new pod answers", inSeconds},
	{"warm-cpu", "warm restart: CPU until then", inSeconds},
	{"idle-rss", "idle: resident memory (RSS)", inBytes},
	{"idle-pss", "idle: proportional (PSS)", inBytes},
	{"idle-anon", "… of which anonymous", inBytes},
	{"idle-cpu", "idle: CPU, of one core", inPercent},
	{"idle-wakeups", "idle: wake-ups", perSecond},
	{"idle-processes", "idle: processes", number},
	{"stop", "orderly stop of the components", inSeconds},
	{"size", "programs on disk", inBytes},
	{"phase-command", "phase 1: command returned", inSeconds},
	{"phase-api", "phase 2: API answers", inSeconds},
	{"phase-service", "phase 3: Service kubernetes", inSeconds},
	{"phase-dns-service", "phase 4: Service kube-dns", inSeconds},
	{"phase-app", "phase 5: app runs", inSeconds},
	{"phase-dns", "phase 6: DNS answers from a pod", inSeconds},
}

// published are the totals, until DNS answers from a pod, that minikube's
// project measured of others on its own hardware
// (https://minikube.sigs.k8s.io/docs/benchmarks/timetok8s/v1.36.0/).
var published = []struct {
	name    string
	seconds float64
}{
	{"k3d", 19.9}, {"kind", 33.0}, {"minikube", 50.8},
}
