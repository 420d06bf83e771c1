package exit

import "github.com/bulkhead-k8s/bulkhead/internal/observe/node/kerneltypes"

// layout is where the fields that the program reads lie in this kernel's
// structures, in bytes. The kernel describes itself (BTF), so that one program
// fits all kernels.
type layout struct {
	taskSignal, taskExitCode, taskLeader, taskComm, taskPID, taskCgroups int32
	signalLive, signalExitCode                                           int32
	pidLevel, pidNumbers, upidSize                                       int32
	setSubsys, cssCgroup, cgroupNode, nodeName, nodeParent               int32
	// subsystem is the place of a controller that every container has.
	subsystem int32
}

// kernelLayout reads the running kernel's.
func kernelLayout() (layout, error) {
	types, err := kerneltypes.Load("task_struct", "signal_struct", "pid", "upid", "css_set", "cgroup_subsys_state", "cgroup", "kernfs_node", "cgroup_subsys_id")
	if err != nil {
		return layout{}, err
	}
	// One after the other, keeping the first error.
	keep := func(n int32, e error) int32 {
		if err == nil {
			err = e
		}
		return n
	}
	offset := func(structure string, members ...string) int32 { return keep(types.Offset(structure, members...)) }
	l := layout{
		taskSignal:     offset("task_struct", "signal"),
		taskExitCode:   offset("task_struct", "exit_code"),
		taskLeader:     offset("task_struct", "group_leader"),
		taskComm:       offset("task_struct", "comm"),
		taskPID:        offset("task_struct", "thread_pid"),
		taskCgroups:    offset("task_struct", "cgroups"),
		signalLive:     offset("signal_struct", "live"),
		signalExitCode: offset("signal_struct", "group_exit_code"),
		pidLevel:       offset("pid", "level"),
		pidNumbers:     offset("pid", "numbers"),
		upidSize:       keep(types.Size("upid")),
		setSubsys:      offset("css_set", "subsys"),
		cssCgroup:      offset("cgroup_subsys_state", "cgroup"),
		cgroupNode:     offset("cgroup", "kn"),
		nodeName:       offset("kernfs_node", "name"),
		// Linux 6.15 renamed it.
		nodeParent: offset("kernfs_node", "__parent", "parent"),
		subsystem:  keep(types.Value("cgroup_subsys_id", "memory_cgrp_id", "pids_cgrp_id", "cpu_cgrp_id")),
	}
	return l, err
}
