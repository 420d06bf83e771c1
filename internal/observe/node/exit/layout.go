package exit

import (
	"fmt"

	"github.com/cilium/ebpf/btf"
)

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
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		return layout{}, fmt.Errorf("read the kernel's type information: %w", err)
	}
	// It is tens of megabytes, and wanted once.
	defer btf.FlushKernelSpec()
	r := reader{spec: spec}
	l := layout{
		taskSignal:     r.offset("task_struct", "signal"),
		taskExitCode:   r.offset("task_struct", "exit_code"),
		taskLeader:     r.offset("task_struct", "group_leader"),
		taskComm:       r.offset("task_struct", "comm"),
		taskPID:        r.offset("task_struct", "thread_pid"),
		taskCgroups:    r.offset("task_struct", "cgroups"),
		signalLive:     r.offset("signal_struct", "live"),
		signalExitCode: r.offset("signal_struct", "group_exit_code"),
		pidLevel:       r.offset("pid", "level"),
		pidNumbers:     r.offset("pid", "numbers"),
		upidSize:       r.size("upid"),
		setSubsys:      r.offset("css_set", "subsys"),
		cssCgroup:      r.offset("cgroup_subsys_state", "cgroup"),
		cgroupNode:     r.offset("cgroup", "kn"),
		nodeName:       r.offset("kernfs_node", "name"),
		// Linux 6.15 renamed it.
		nodeParent: r.offset("kernfs_node", "__parent", "parent"),
		subsystem:  r.value("cgroup_subsys_id", "memory_cgrp_id", "pids_cgrp_id", "cpu_cgrp_id"),
	}
	return l, r.err
}

// reader asks for one thing after the other and keeps the first error.
type reader struct {
	spec *btf.Spec
	err  error
}

// offset is that of the first of the members that the structure has.
func (r *reader) offset(structure string, members ...string) int32 {
	var s *btf.Struct
	if err := r.spec.TypeByName(structure, &s); err != nil {
		r.fail(structure, err)
		return 0
	}
	for _, member := range members {
		if offset, ok := find(s.Members, member); ok {
			return int32(offset)
		}
	}
	r.fail(structure, fmt.Errorf("it has no member %q", members))
	return 0
}

// find looks into unnamed structures and unions too.
func find(members []btf.Member, name string) (uint32, bool) {
	for _, m := range members {
		if m.Name == name {
			return m.Offset.Bytes(), true
		}
		if m.Name != "" {
			continue
		}
		var inner []btf.Member
		switch t := btf.UnderlyingType(m.Type).(type) {
		case *btf.Struct:
			inner = t.Members
		case *btf.Union:
			inner = t.Members
		}
		if offset, ok := find(inner, name); ok {
			return m.Offset.Bytes() + offset, true
		}
	}
	return 0, false
}

func (r *reader) size(structure string) int32 {
	var s *btf.Struct
	if err := r.spec.TypeByName(structure, &s); err != nil {
		r.fail(structure, err)
		return 0
	}
	return int32(s.Size)
}

// value is that of the first of the names that the enumeration has.
func (r *reader) value(enum string, names ...string) int32 {
	var e *btf.Enum
	if err := r.spec.TypeByName(enum, &e); err != nil {
		r.fail(enum, err)
		return 0
	}
	for _, name := range names {
		for _, v := range e.Values {
			if v.Name == name {
				return int32(v.Value)
			}
		}
	}
	r.fail(enum, fmt.Errorf("it has none of %q", names))
	return 0
}

func (r *reader) fail(what string, err error) {
	if r.err == nil {
		r.err = fmt.Errorf("find %s in the kernel's type information: %w", what, err)
	}
}
