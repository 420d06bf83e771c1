package sandbox

import "encoding/binary"

// target is what differs between architectures: numbers of system calls and the
// encoding of three instructions.
type target struct {
	machine                                               uint16 // of elf(5)
	rtSigprocmask, rtSigaction, rtSigtimedwait, exitGroup uint32
	// call encodes a system call with constant arguments, all below 2^32.
	call func(number uint32, arguments ...uint64) []byte
	// backIfNegative encodes a jump over itself and the given number of bytes
	// before it, taken if the last system call failed.
	backIfNegative func(bytes int) []byte
}

var targets = map[string]target{
	"amd64": {
		machine: 62, rtSigprocmask: 14, rtSigaction: 13, rtSigtimedwait: 128, exitGroup: 231,
		call: amd64Call, backIfNegative: amd64BackIfNegative,
	},
	"arm64": {
		machine: 183, rtSigprocmask: 135, rtSigaction: 134, rtSigtimedwait: 137, exitGroup: 94,
		call: arm64Call, backIfNegative: arm64BackIfNegative,
	},
}

// amd64Call: mov edi, esi, edx, r10d and eax from constants; syscall.
func amd64Call(number uint32, arguments ...uint64) []byte {
	moves := [][]byte{{0xbf}, {0xbe}, {0xba}, {0x41, 0xba}}
	var code []byte
	for i, argument := range arguments {
		code = append(code, moves[i]...)
		code = binary.LittleEndian.AppendUint32(code, uint32(argument))
	}
	code = append(code, 0xb8)
	code = binary.LittleEndian.AppendUint32(code, number)
	return append(code, 0x0f, 0x05)
}

// amd64BackIfNegative: test eax, eax; js back.
func amd64BackIfNegative(bytes int) []byte {
	const own = 4
	return []byte{0x85, 0xc0, 0x78, byte(int8(-(bytes + own)))}
}

// arm64Call: movz and movk into w0 to w3 and w8; svc #0.
func arm64Call(number uint32, arguments ...uint64) []byte {
	var code []byte
	for register, argument := range arguments {
		code = arm64Move(code, uint32(register), uint32(argument))
	}
	code = arm64Move(code, 8, number)
	return binary.LittleEndian.AppendUint32(code, 0xd4000001)
}

func arm64Move(code []byte, register, value uint32) []byte {
	const movz, movkHigh = 0x52800000, 0x72a00000
	code = binary.LittleEndian.AppendUint32(code, movz|(value&0xffff)<<5|register)
	return binary.LittleEndian.AppendUint32(code, movkHigh|(value>>16)<<5|register)
}

// arm64BackIfNegative: tbnz w0, #31, back.
func arm64BackIfNegative(bytes int) []byte {
	const tbnzW0Bit31 = 0x37f80000
	offset := uint32(-bytes/4) & 0x3fff // 14 bits, in instructions
	return binary.LittleEndian.AppendUint32(nil, tbnzW0Bit31|offset<<5)
}
