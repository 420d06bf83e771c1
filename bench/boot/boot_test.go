package main

import (
	"strings"
	"testing"
)

func TestMedian(t *testing.T) {
	for _, tc := range []struct {
		values []float64
		want   float64
	}{
		{nil, 0},
		{[]float64{3}, 3},
		{[]float64{9, 1, 2}, 2},
		{[]float64{4, 1, 3, 2}, 2.5},
	} {
		if got := median(tc.values); got != tc.want {
			t.Errorf("median(%v) = %v, want %v", tc.values, got, tc.want)
		}
	}
}

func TestReportComparesWithTheLastSide(t *testing.T) {
	r := &report{Command: "go run ./bench/boot", Sides: []string{"bulkhead", "upstream"}, Samples: []sample{
		{Side: "bulkhead", Figures: map[string]float64{"cold-first-pod": 2, "idle-rss": 100e6}},
		{Side: "bulkhead", Figures: map[string]float64{"cold-first-pod": 4}},
		{Side: "upstream", Figures: map[string]float64{"cold-first-pod": 6, "phase-dns": 7}},
	}}
	var b strings.Builder
	r.markdown(&b)
	for _, want := range []string{
		"| median | bulkhead | upstream | bulkhead / upstream | runs |",
		"| cold start: first pod answers | 3.00 s | 6.00 s | 0.50× | 2 |",
		"| idle: resident memory (RSS) | 100.0 MB | – | – | 1 |",
		"| phase 6: DNS answers from a pod | – | 7.00 s | – | 1 |",
		"k3d 19.9 s, kind 33.0 s, minikube 50.8 s",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, b.String())
		}
	}
}

func TestParseRollup(t *testing.T) {
	const rollup = `00400000-7ffd00000000 ---p 00000000 00:00 0                          [rollup]
Rss:              300 kB
Pss:              200 kB
Pss_Dirty:        120 kB
Pss_Anon:         120 kB
Pss_File:          80 kB
Shared_Clean:     100 kB
`
	want := memory{RSS: 300 << 10, PSS: 200 << 10, PSSAnon: 120 << 10, PSSFile: 80 << 10}
	if got := parseRollup(rollup); got != want {
		t.Errorf("parseRollup = %+v, want %+v", got, want)
	}
}

func TestParseCPUStat(t *testing.T) {
	got := parseCPUStat("usage_usec 3500000\nuser_usec 2500000\nsystem_usec 1000000\nnr_periods 0\n")
	if got != (cpuTime{User: 2.5, System: 1}) {
		t.Errorf("parseCPUStat = %+v", got)
	}
}

func TestProcessName(t *testing.T) {
	if got := processName("/data/bin/containerd\x00--config\x00x"); got != "containerd" {
		t.Errorf("processName = %q", got)
	}
}
