package sandbox

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// The program is the first process of a pod. In C:
//
//	sigprocmask(SIG_BLOCK, {SIGINT, SIGTERM});
//	sigaction(SIGCHLD, SIG_IGN);  // the kernel reaps what is left to us
//	while (sigtimedwait({SIGINT, SIGTERM}, NULL, NULL) < 0);
//	exit(0);
//
// Blocked and waited for instead of handled, because the first process of a
// namespace does not even receive signals whose action is the default, and a
// handler would need a stack frame that each architecture restores differently.
// The stack, the heap and every library are left out: it uses none.

// Program returns the sandbox's program for a GOARCH.
func Program(arch string) ([]byte, error) {
	target, ok := targets[arch]
	if !ok {
		return nil, fmt.Errorf("no sandbox program for architecture %q", arch)
	}
	const (
		sigInt, sigTerm, sigChld = 2, 15, 17
		sigBlock                 = 0
		sigIgn                   = 1
		setBytes                 = 8 // of a kernel sigset_t
	)
	// Behind the headers: the set of signals, then struct kernel_sigaction, then
	// the code. The addresses are known before the code is.
	var data bytes.Buffer
	set := loadAddress + headerBytes
	write(&data, uint64(1<<(sigInt-1)|1<<(sigTerm-1)))
	action := loadAddress + headerBytes + uint64(data.Len())
	write(&data, [4]uint64{sigIgn, 0, 0, 0}) // handler, flags, restorer, mask

	code := target.call(target.rtSigprocmask, sigBlock, set, 0, setBytes)
	code = append(code, target.call(target.rtSigaction, sigChld, action, 0, setBytes)...)
	wait := target.call(target.rtSigtimedwait, set, 0, 0, setBytes)
	code = append(code, wait...)
	code = append(code, target.backIfNegative(len(wait))...)
	code = append(code, target.call(target.exitGroup, 0)...)
	entry := loadAddress + headerBytes + uint64(data.Len())
	data.Write(code)

	var program bytes.Buffer
	write(&program, elfHeader{
		Ident:   [16]byte{0x7f, 'E', 'L', 'F', 2 /* 64 bit */, 1 /* little endian */, 1 /* version */},
		Type:    2, // ET_EXEC
		Machine: target.machine, Version: 1,
		Entry: entry, ProgramHeaders: elfHeaderBytes,
		HeaderBytes: elfHeaderBytes, ProgramHeaderBytes: programHeaderBytes, ProgramHeaderCount: 1,
	})
	size := headerBytes + uint64(data.Len())
	write(&program, programHeader{
		Type: 1 /* PT_LOAD */, Flags: 4 | 1, /* readable, executable */
		Address: loadAddress, PhysicalAddress: loadAddress,
		FileBytes: size, MemoryBytes: size, Align: 0x10000,
	})
	program.Write(data.Bytes())
	return program.Bytes(), nil
}

const (
	loadAddress        = uint64(0x400000)
	elfHeaderBytes     = 64
	programHeaderBytes = 56
	headerBytes        = elfHeaderBytes + programHeaderBytes
)

// elfHeader and programHeader are Elf64_Ehdr and Elf64_Phdr of elf(5).
type elfHeader struct {
	Ident                                               [16]byte
	Type, Machine                                       uint16
	Version                                             uint32
	Entry, ProgramHeaders, Sections                     uint64
	Flags                                               uint32
	HeaderBytes, ProgramHeaderBytes, ProgramHeaderCount uint16
	SectionBytes, SectionCount, SectionNames            uint16
}

type programHeader struct {
	Type, Flags                      uint32
	Offset, Address, PhysicalAddress uint64
	FileBytes, MemoryBytes, Align    uint64
}

func write(b *bytes.Buffer, value any) {
	if err := binary.Write(b, binary.LittleEndian, value); err != nil {
		panic(err) // a buffer takes all, and the values are of fixed size
	}
}
