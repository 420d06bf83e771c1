package stack

import "debug/elf"

// Registers are those of one frame, by their DWARF numbers; what is not known is
// not in it.
type Registers map[uint64]uint64

// architecture is what differs between processors.
type architecture struct {
	pc, sp, fp uint64 // DWARF numbers; pc is that of the return address
	// kernel is the DWARF number of each of the kernel's user_regs_struct; -1 for
	// those that are not needed.
	kernel []int
	// context is where a signal's handler finds the interrupted registers, from
	// the stack pointer at the return: their DWARF numbers, in order.
	context       []int
	contextOffset uint64
	// trampolines are the instructions by which a handler returns.
	trampolines [][]byte
}

var amd64 = architecture{
	pc: 16, sp: 7, fp: 6,
	//            r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig rip cs fl rsp
	kernel: []int{15, 14, 13, 12, 6, 3, 11, 10, 9, 8, 0, 2, 1, 4, 5, -1, 16, -1, -1, 7},
	//             r8 r9 r10 r11 r12 r13 r14 r15 rdi rsi rbp rbx rdx rax rcx rsp rip
	context:       []int{8, 9, 10, 11, 12, 13, 14, 15, 5, 4, 6, 3, 1, 0, 2, 7, 16},
	contextOffset: 40, // uc_flags, uc_link, uc_stack
	trampolines: [][]byte{
		{0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05}, // mov $rt_sigreturn,%rax; syscall
		{0xb8, 0x0f, 0, 0, 0, 0x0f, 0x05},             // the same with %eax
	},
}

var arm64 = architecture{
	// DWARF has no number for the program counter; 30 is the link register.
	pc: 30, sp: 31, fp: 29,
	kernel: []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, programCounter},
}

// programCounter stands for the program counter, of all architectures.
const programCounter = 1000

func architectureOf(m elf.Machine) *architecture {
	switch m {
	case elf.EM_X86_64:
		return &amd64
	case elf.EM_AARCH64:
		return &arm64
	}
	return nil
}

// start is the registers of a thread as the kernel wrote them.
func (a *architecture) start(kernel []uint64) Registers {
	r := Registers{}
	for i, value := range kernel {
		if i < len(a.kernel) && a.kernel[i] >= 0 {
			r[uint64(a.kernel[i])] = value
		}
	}
	if a.pc == 16 {
		r[programCounter] = r[16]
	}
	return r
}
