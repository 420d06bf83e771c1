// Package cgrouppath reads which pod and container a cgroup belongs to from the
// names that the kubelet and the container runtimes give it.
package cgrouppath

import (
	"regexp"
	"strings"
)

// Place is whose a cgroup is. All are empty for what is no pod's.
type Place struct {
	PodUID      string
	ContainerID string
	// Root names the cgroup that the kubelet has its pods below; empty if that is
	// the machine's, or not told.
	Root string
}

// The kubelet's cgroupfs driver names pods pod<uid>, its systemd driver
// kubepods-<class>-pod<uid with _ for ->.slice; a static pod's UID is 32 digits.
// A container's is its id, or <runtime>-<id>.scope.
var (
	pod       = regexp.MustCompile(`(?:^|-)pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}|[0-9a-f]{32})(?:\.slice)?$`)
	container = regexp.MustCompile(`^(?:[a-z0-9-]+-)?([0-9a-f]{64})(?:\.scope)?$`)
)

// Of returns whose the cgroup with this path is.
func Of(path string) Place {
	names := strings.Split(path, "/")
	inner := make([]string, 0, len(names))
	for i := len(names) - 1; i >= 0; i-- {
		inner = append(inner, names[i])
	}
	return OfNames(inner)
}

// OfNames returns whose a cgroup is, given its name and those of the ones above
// it, innermost first. What a container makes below its own is still its own.
func OfNames(innermost []string) Place {
	var p Place
	for i, name := range innermost {
		if m := pod.FindStringSubmatch(name); m != nil {
			p.PodUID, p.Root = strings.ReplaceAll(m[1], "_", "-"), rootOf(innermost[i:])
			return p
		}
		if m := container.FindStringSubmatch(name); m != nil {
			p.ContainerID = m[1]
		}
	}
	return Place{}
}

// rootOf is the name above the kubelet's own (kubepods, kubepods.slice).
func rootOf(innermost []string) string {
	for i, name := range innermost[:max(0, len(innermost)-1)] {
		if strings.TrimSuffix(name, ".slice") == "kubepods" {
			return innermost[i+1]
		}
	}
	return ""
}

// OfProcess returns whose a process is, given its /proc/<pid>/cgroup.
func OfProcess(proc string) Place {
	for line := range strings.Lines(proc) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		if _, path, ok := strings.Cut(rest, ":"); ok {
			if p := Of(path); p.ContainerID != "" {
				return p
			}
		}
	}
	return Place{}
}
