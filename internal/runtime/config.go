package runtime

import (
	"fmt"
	"path/filepath"

	"github.com/pelletier/go-toml/v2"

	"github.com/bulkhead-k8s/bulkhead/internal/runtime/layout"
)

// SandboxImage is the image of the container that holds a pod together. It is
// assembled here and pulled from nowhere.
const SandboxImage = "bulkhead.dev/pause:1"

// hostFacts is what containerd's settings depend on beside the options.
type hostFacts struct {
	// RunC is the OCI runtime's program, CNI the directory of the plugins.
	RunC string
	CNI  string
	// CanLowerOOMScore says that a process may be protected from the OOM killer
	// beyond what its parent is, for which Linux wants CAP_SYS_RESOURCE.
	CanLowerOOMScore bool
}

type table = map[string]any

// containerdConfig returns containerd's settings. What differs from upstream's
// defaults is here and nothing else.
func containerdConfig(o Options, p layout.Paths, host hostFacts) ([]byte, error) {
	const (
		pluginGRPC     = "io.containerd.server.v1.grpc"
		pluginTTRPC    = "io.containerd.server.v1.ttrpc"
		pluginCRI      = "io.containerd.grpc.v1.cri"
		pluginRuntime  = "io.containerd.cri.v1.runtime"
		pluginImages   = "io.containerd.cri.v1.images"
		pluginNRI      = "io.containerd.nri.v1.nri"
		pluginShims    = "io.containerd.shim.v1.manager"
		pluginOverlay  = "io.containerd.snapshotter.v1.overlayfs"
		pluginSnapshot = "io.containerd.snapshotter.v1."
	)
	oomScore := 0
	if host.CanLowerOOMScore {
		oomScore = -999 // as the kubelet does for itself
	}
	config := table{
		"version":   4,
		"root":      p.Root,
		"state":     p.State,
		"oom_score": oomScore,
		"imports":   []string{}, // not what lies in /etc for another containerd
		"cgroup":    table{"path": containerdCgroup(o.CgroupRoot)},
		// Upstream gives a shim 2 to 5 s, which a machine that is short of
		// processors exceeds; what is given up then is left behind.
		"timeouts": table{
			"io.containerd.timeout.shim.load":     "15s",
			"io.containerd.timeout.shim.cleanup":  "30s",
			"io.containerd.timeout.shim.shutdown": "15s",
			"io.containerd.timeout.task.state":    "10s",
			// For ever, upstream: another process has the database open.
			"io.containerd.timeout.bolt.open": "10s",
		},
		// Without these there is no node, and the reason should end the start
		// instead of showing up as a CRI that lacks a service.
		"required_plugins": []string{pluginCRI, pluginRuntime, pluginImages, pluginSnapshot + o.Snapshotter},
		"plugins": table{
			pluginGRPC:  table{"address": p.Socket},
			pluginTTRPC: table{"address": p.Socket + ".ttrpc"},
			pluginNRI:   table{"disable": true},
			pluginShims: table{"socket_dir": p.ShimSockets},
			// Removing a snapshot in the background keeps pods' ends short.
			pluginOverlay: table{"sync_remove": false},
			pluginCRI: table{
				"stream_server_address": "127.0.0.1",
				"stream_server_port":    "0",
			},
			pluginImages: table{
				"snapshotter":             o.Snapshotter,
				"discard_unpacked_layers": true, // else each layer is on the disk twice
				"pinned_images":           table{"sandbox": SandboxImage},
				// Ours first, then what the machine has for any containerd.
				"registry": table{"config_path": p.Registries + ":/etc/containerd/certs.d"},
				// How often the disk usage of snapshots is read; 10 s upstream.
				"stats_collect_period": 60,
			},
			pluginRuntime: table{
				"enable_unprivileged_ports": true,
				"enable_unprivileged_icmp":  true,
				"restrict_oom_score_adj":    !host.CanLowerOOMScore,
				// Below our directory instead of /run/netns, so that a pod's network
				// namespace is known to be ours.
				"netns_mounts_under_state_dir": true,
				// How often each container's CPU time is read for a figure that only
				// the CRI's own statistics have (the kubelet reads cgroups); 1 s upstream.
				"stats_collect_period": "1m",
				"cni": table{
					"bin_dirs":              []string{host.CNI},
					"conf_dir":              p.CNIConfig,
					"use_internal_loopback": true,
				},
				"containerd": table{
					"default_runtime_name": "runc",
					"runtimes": table{"runc": table{
						"runtime_type": "io.containerd.runc.v2",
						"runtime_path": filepath.Join(p.Bin, shimName),
						"options": table{
							"BinaryName":    host.RunC,
							"Root":          filepath.Join(p.State, "runc"),
							"SystemdCgroup": false,
						},
					}},
				},
			},
		},
	}
	data, err := toml.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("encode containerd's settings: %w", err)
	}
	return append([]byte("# Written at every start of Bulkhead; changes here are lost.\n"), data...), nil
}

// containerdCgroup is where containerd and its shims run.
func containerdCgroup(root string) string { return filepath.Join(root, "containerd") }
