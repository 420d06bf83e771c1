package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// machine says where and when it was measured, and how busy it was.
type machine struct {
	CPU    string    `json:"cpu"`
	Cores  int       `json:"cores"`
	Memory uint64    `json:"memory"`
	Kernel string    `json:"kernel"`
	Cgroup string    `json:"cgroup"`
	Time   time.Time `json:"time"`
	// LoadBefore is the load average of the minute before the first run. Above
	// 0.5 others were at work, and absolute times are too long.
	LoadBefore string `json:"loadBefore"`
}

func (m machine) String() string {
	return fmt.Sprintf("%d cores (%s), %.0f GB, Linux %s, cgroup %s, %s; load before: %s.",
		m.Cores, m.CPU, float64(m.Memory)/1e9, m.Kernel, m.Cgroup, m.Time.Format(time.DateTime), m.LoadBefore)
}

func thisMachine() machine {
	m := machine{Cores: runtime.NumCPU(), Time: time.Now(), Cgroup: "v1"}
	if unified() {
		m.Cgroup = "v2"
	}
	data, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(data)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			m.CPU = strings.TrimSpace(value)
			break
		}
	}
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		m.Memory = info.Totalram * uint64(info.Unit)
	}
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		m.Kernel = unix.ByteSliceToString(name.Release[:])
	}
	load, _ := os.ReadFile("/proc/loadavg")
	m.LoadBefore, _, _ = strings.Cut(string(load), " ")
	return m
}
