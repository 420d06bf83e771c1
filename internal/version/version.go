// Package version says what this binary is. The values are set at link time:
//
//	-ldflags "-X github.com/bulkhead-k8s/bulkhead/internal/version.bulkhead=v0.1.0 …"
package version

import "runtime/debug"

var (
	bulkhead   = ""
	kubernetes = ""
)

// Bulkhead returns Bulkhead's version: the one set at link time, else the
// module's as Go knows it, else "devel".
func Bulkhead() string {
	if bulkhead != "" {
		return bulkhead
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}

// Kubernetes returns the version of the Kubernetes that this repository embeds,
// such as v1.37.2: that set at link time, else the module's that was linked in,
// else "unknown".
func Kubernetes() string {
	if kubernetes != "" {
		return kubernetes
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if module.Path == "k8s.io/kubernetes" {
				return module.Version
			}
		}
	}
	return "unknown"
}
