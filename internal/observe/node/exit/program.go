package exit

import "github.com/cilium/ebpf/asm"

// The event as the program writes it; decode reads it.
const (
	levels   = 4  // of cgroups
	nameSize = 96 // cri-containerd-<64 digits>.scope has 85

	atPID      = 0
	atCode     = 4
	atInnerPID = 8  // in the innermost PID namespace
	atLevel    = 12 // of that namespace; the machine's is 0
	atComm     = 16
	atNames    = 32
	eventSize  = atNames + levels*nameSize
)

// The stack, from its end: the event, and what is read on the way.
const (
	event   = -eventSize
	scratch = event - 8
)

// instructions is the program:
//
//	if (task->signal->live) return;        // threads are left: not the end
//	code = task->signal->group_exit_code ?: task->exit_code;
//	if (!(code & 0x7f)) return;            // it ended by itself
//	copy ids, name and the names of the cgroups to the ring
//
// It is written in instructions since there is so little of it that a C compiler
// for BPF would be the heavier part of the build.
func instructions(l layout, ring int) asm.Instructions {
	// R6 is the task; R7 is what is followed; R8 the exit code.
	p := asm.Instructions{asm.LoadMem(asm.R6, asm.R1, 0, asm.DWord)}
	p = append(p, read(asm.R6, l.taskSignal, 8)...)
	p = append(p, asm.LoadMem(asm.R7, asm.RFP, scratch, asm.DWord))
	p = append(p, read(asm.R7, l.signalLive, 4)...)
	p = append(p,
		asm.LoadMem(asm.R1, asm.RFP, scratch, asm.Word),
		asm.JNE.Imm(asm.R1, 0, "end"))
	p = append(p, read(asm.R7, l.signalExitCode, 4)...)
	p = append(p,
		asm.LoadMem(asm.R8, asm.RFP, scratch, asm.Word),
		asm.JNE.Imm(asm.R8, 0, "ended"))
	p = append(p, read(asm.R6, l.taskExitCode, 4)...)
	p = append(p,
		asm.LoadMem(asm.R8, asm.RFP, scratch, asm.Word),
		asm.Mov.Reg(asm.R1, asm.R8).WithSymbol("ended"),
		asm.And.Imm(asm.R1, 0x7f),
		asm.JEq.Imm(asm.R1, 0, "end"))

	p = append(p, asm.Mov.Imm(asm.R1, 0))
	for at := int16(event); at < 0; at += 8 {
		p = append(p, asm.StoreMem(asm.RFP, at, asm.R1, asm.DWord))
	}
	p = append(p,
		asm.StoreMem(asm.RFP, event+atCode, asm.R8, asm.Word),
		asm.FnGetCurrentPidTgid.Call(),
		asm.RSh.Imm(asm.R0, 32),
		asm.StoreMem(asm.RFP, event+atPID, asm.R0, asm.Word))

	p = append(p, read(asm.R6, l.taskLeader, 8)...)
	p = append(p, asm.LoadMem(asm.R7, asm.RFP, scratch, asm.DWord))
	p = append(p, copyTo(event+atComm, asm.R7, l.taskComm, 15, asm.FnProbeReadKernel)...)
	// The number in the innermost namespace is the last of an array:
	// pid->numbers[pid->level].nr.
	p = append(p, read(asm.R7, l.taskPID, 8)...)
	p = append(p, asm.LoadMem(asm.R7, asm.RFP, scratch, asm.DWord))
	p = append(p, copyTo(event+atLevel, asm.R7, l.pidLevel, 4, asm.FnProbeReadKernel)...)
	p = append(p,
		asm.LoadMem(asm.R1, asm.RFP, event+atLevel, asm.Word),
		asm.Mul.Imm(asm.R1, l.upidSize),
		asm.Add.Reg(asm.R7, asm.R1))
	p = append(p, copyTo(event+atInnerPID, asm.R7, l.pidNumbers, 4, asm.FnProbeReadKernel)...)

	// task->cgroups->subsys[…]->cgroup->kn, and up from there.
	p = append(p, asm.Mov.Reg(asm.R7, asm.R6))
	for _, offset := range []int32{l.taskCgroups, l.setSubsys + 8*l.subsystem, l.cssCgroup, l.cgroupNode} {
		p = append(p, read(asm.R7, offset, 8)...)
		p = append(p, asm.LoadMem(asm.R7, asm.RFP, scratch, asm.DWord))
	}
	for level := range int32(levels) {
		p = append(p, read(asm.R7, l.nodeName, 8)...)
		p = append(p, asm.LoadMem(asm.R9, asm.RFP, scratch, asm.DWord))
		p = append(p, copyTo(event+atNames+level*nameSize, asm.R9, 0, nameSize, asm.FnProbeReadKernelStr)...)
		p = append(p, read(asm.R7, l.nodeParent, 8)...)
		p = append(p, asm.LoadMem(asm.R7, asm.RFP, scratch, asm.DWord))
	}
	return append(p,
		asm.LoadMapPtr(asm.R1, ring),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, event),
		asm.Mov.Imm(asm.R3, eventSize),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnRingbufOutput.Call(),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("end"),
		asm.Return())
}

// read copies size bytes at base+offset to the scratch place. If that cannot be
// read, the kernel gives zeros.
func read(base asm.Register, offset, size int32) asm.Instructions {
	return copyTo(scratch, base, offset, size, asm.FnProbeReadKernel)
}

func copyTo(place int32, base asm.Register, offset, size int32, how asm.BuiltinFunc) asm.Instructions {
	return asm.Instructions{
		asm.Mov.Reg(asm.R1, asm.RFP),
		asm.Add.Imm(asm.R1, place),
		asm.Mov.Imm(asm.R2, size),
		asm.Mov.Reg(asm.R3, base),
		asm.Add.Imm(asm.R3, offset),
		how.Call(),
	}
}
