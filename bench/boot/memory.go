package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// memory is what processes have in RAM, in bytes. RSS counts a page once for
// each process that has it mapped, PSS divides it among them; the anonymous
// part is what cannot be had again from a file.
type memory struct {
	RSS     int64 `json:"rss"`
	PSS     int64 `json:"pss"`
	PSSAnon int64 `json:"pssAnon"`
	PSSFile int64 `json:"pssFile"`
}

func (m memory) plus(o memory) memory {
	return memory{m.RSS + o.RSS, m.PSS + o.PSS, m.PSSAnon + o.PSSAnon, m.PSSFile + o.PSSFile}
}

// process is one process of a side, as found when it is idle.
type process struct {
	PID     int    `json:"pid"`
	Name    string `json:"name"`
	Threads int    `json:"threads"`
	memory
}

// inspect reads the given processes; those that end meanwhile are left out.
func inspect(pids []int) []process {
	var list []process
	for _, pid := range pids {
		dir := filepath.Join("/proc", strconv.Itoa(pid))
		rollup, err := os.ReadFile(filepath.Join(dir, "smaps_rollup"))
		if err != nil {
			continue
		}
		command, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil || len(command) == 0 {
			continue
		}
		threads, _ := os.ReadDir(filepath.Join(dir, "task"))
		list = append(list, process{PID: pid, Name: processName(string(command)), Threads: len(threads), memory: parseRollup(string(rollup))})
	}
	slices.SortFunc(list, func(a, b process) int { return int(b.RSS - a.RSS) })
	return list
}

func processName(cmdline string) string {
	program, _, _ := strings.Cut(cmdline, "\x00")
	return filepath.Base(program)
}

// parseRollup reads /proc/PID/smaps_rollup, whose figures are in KiB.
func parseRollup(data string) (m memory) {
	for line := range strings.Lines(data) {
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[2] != "kB" {
			continue
		}
		kib, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			continue
		}
		switch fields[0] {
		case "Rss:":
			m.RSS = kib << 10
		case "Pss:":
			m.PSS = kib << 10
		case "Pss_Anon:":
			m.PSSAnon = kib << 10
		case "Pss_File:":
			m.PSSFile = kib << 10
		}
	}
	return m
}

// wakeups counts how often the threads of these processes have given up the
// processor by themselves: each time, somebody had to wake them.
func wakeups(pids []int) (n int64) {
	for _, pid := range pids {
		files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
		for _, file := range files {
			data, _ := os.ReadFile(file)
			for line := range strings.Lines(string(data)) {
				if value, ok := strings.CutPrefix(line, "voluntary_ctxt_switches:"); ok {
					count, _ := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
					n += count
				}
			}
		}
	}
	return n
}
