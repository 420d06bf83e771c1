package kmsg

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// OOM is the kernel's end of one process for want of memory.
type OOM struct {
	Time    time.Time
	PID     int
	Command string
	// Cgroup is where the process was, Limit the cgroup whose limit was reached;
	// both empty where the kernel did not say, Limit also where the whole
	// machine's memory was used up.
	Cgroup string
	Limit  string
	// Machine says that the whole machine's memory was used up.
	Machine bool
}

var (
	// Since Linux 4.19, one line per kill, at most 10 of them in 5 s:
	// oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=x,mems_allowed=0,oom_memcg=/a,task_memcg=/a/b,task=sh,pid=7,uid=0
	choice = regexp.MustCompile(`^oom-kill:constraint=(\w+),.*?(?:oom_memcg=(.*),)?task_memcg=(.*),task=(.*),pid=(\d+),uid=\d+$`)
	// Without a bound:
	// Memory cgroup out of memory: Killed process 7 (sh) total-vm:…
	killed = regexp.MustCompile(`^(Memory cgroup out|Out) of memory(?: \(oom_kill_allocating_task\))?: Killed process (\d+) \((.*)\) total-vm`)
)

// Reader puts the two lines of a kill together.
type Reader struct {
	chosen map[int]OOM
}

// Take reads one message; it gives a kill at the last of its lines.
func (r *Reader) Take(m Message) (OOM, bool) {
	switch {
	case strings.HasPrefix(m.Text, "oom-kill:"):
		g := choice.FindStringSubmatch(m.Text)
		if g == nil {
			return OOM{}, false
		}
		pid, err := strconv.Atoi(g[5])
		if err != nil {
			return OOM{}, false
		}
		o := OOM{Time: m.Time, PID: pid, Command: g[4], Cgroup: g[3], Limit: g[2], Machine: g[1] != "CONSTRAINT_MEMCG"}
		if strings.HasPrefix(g[2], ",") || g[2] == "global_oom" {
			o.Limit = ""
		}
		if r.chosen == nil || len(r.chosen) > 64 { // whose second line never came
			r.chosen = map[int]OOM{}
		}
		r.chosen[pid] = o
	case strings.Contains(m.Text, "Killed process"):
		g := killed.FindStringSubmatch(m.Text)
		if g == nil {
			return OOM{}, false
		}
		pid, err := strconv.Atoi(g[2])
		if err != nil {
			return OOM{}, false
		}
		o, ok := r.chosen[pid]
		if !ok {
			o = OOM{PID: pid, Command: g[3], Machine: g[1] == "Out"}
		}
		o.Time = m.Time
		delete(r.chosen, pid)
		return o, true
	}
	return OOM{}, false
}
