package reset

import (
	"os"
	"path/filepath"

	"github.com/bulkhead-k8s/bulkhead/internal/runtime/cgroup"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime/host"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime/layout"
)

// phases returns what is to be done, in an order in which nothing comes back:
// who starts and mounts things first, what everything lies in last.
func (t Target) phases() ([]phase, error) {
	if err := t.validate(); err != nil {
		return nil, err
	}
	group, err := cgroup.Open(t.CgroupRoot)
	if err != nil {
		return nil, err
	}
	paths := layout.For(t.DataDir)
	// Mounts and links are shown by their real path.
	real, err := filepath.EvalSymlinks(t.DataDir)
	if err != nil {
		real = t.DataDir // not there: nothing is mounted in it
	}
	mounts := mounts{roots: t.ownMounts(layout.For(real)), below: real}
	network := network{paths: paths}
	// Loaded now: the file goes with the data directory, but what it says is for
	// the phases before that.
	if network.record, err = host.Load(paths.HostRecord); err != nil {
		return nil, err
	}
	owner := paths.Owner()
	if t.local != nil {
		owner.Agent = t.DataDir
	}
	processes := processes{owner: owner, group: group}
	cores := cores{dir: paths.Cores}
	files := files{target: t, paths: paths, mounts: mounts, real: real}
	if os.Geteuid() != 0 {
		// An ordinary user has simulated nodes, and nothing on the host.
		files.dataDirOnly = true
		return []phase{{processes.find, processes.remove}, {files.find, files.remove}}, nil
	}
	if t.local != nil { // its network goes with the namespace, and it has no settings of its own
		return []phase{
			{processes.find, processes.remove},
			{mounts.find, mounts.remove},
			cgroups(group),
			{files.find, files.remove},
			machine{*t.local, t.KeepData}.phase(),
		}, nil
	}
	nodes, err := t.localNodes()
	if err != nil {
		return nil, err
	}
	return append(nodes, []phase{
		{processes.find, processes.remove},
		{mounts.find, mounts.remove},
		{network.findLinks, network.removeLinks},
		{network.findPodNetwork, network.removePodNetwork},
		{network.findDNS, network.removeDNS},
		{network.findTables, network.removeTables},
		{network.findChains, network.removeChains},
		{network.findSettings, network.restoreSettings},
		{cores.find, cores.remove},
		cgroups(group),
		{files.find, files.remove},
	}...), nil
}
