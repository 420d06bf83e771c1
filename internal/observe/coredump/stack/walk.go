package stack

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"strconv"

	"github.com/go-delve/delve/pkg/dwarf/frame"
)

// Process is a stopped process whose stacks can be walked.
type Process struct {
	pid      int
	arch     *architecture
	memory   io.ReaderAt
	closers  []io.Closer
	mappings []*mapping
}

// Open opens the process: its memory and its list of mappings.
func Open(pid int, machine elf.Machine) (*Process, error) {
	p := &Process{pid: pid, arch: architectureOf(machine)}
	if p.arch == nil {
		return nil, fmt.Errorf("walk stacks: processor %s is not known", machine)
	}
	dir := "/proc/" + strconv.Itoa(pid)
	list, err := os.Open(dir + "/maps")
	if err != nil {
		return nil, fmt.Errorf("walk stacks: %w", err)
	}
	defer list.Close()
	if p.mappings, err = parseMaps(list); err != nil {
		return nil, fmt.Errorf("walk stacks: %w", err)
	}
	memory, err := os.Open(dir + "/mem")
	if err != nil {
		return nil, fmt.Errorf("walk stacks: %w", err)
	}
	p.memory, p.closers = memory, append(p.closers, memory)
	return p, nil
}

// Close closes the memory and the files.
func (p *Process) Close() {
	for _, c := range p.closers {
		c.Close()
	}
}

// Walk names the frames of a thread, innermost first, at most limit of them.
func (p *Process) Walk(kernelRegisters []uint64, limit int) []string {
	registers := p.arch.start(kernelRegisters)
	var frames []string
	// The address after a call may be another function's already: but for the
	// innermost frame, and the one that a signal interrupted, it is one too far.
	back := uint64(0)
	for len(frames) < limit {
		pc := registers[programCounter]
		m := p.mapping(pc - back)
		if m == nil && len(frames) > 0 {
			break
		}
		caller, interrupted, ok := p.caller(registers, m, pc-back, len(frames) == 0)
		if interrupted {
			frames = append(frames, "<signal handler called>")
		} else {
			frames = append(frames, p.describe(m, pc, back))
		}
		// A stack grows downwards, but a signal may have its own.
		if !ok || caller[programCounter] == 0 || !interrupted && caller[p.arch.sp] <= registers[p.arch.sp] && len(frames) > 1 {
			break
		}
		registers, back = caller, 1
		if interrupted {
			back = 0
		}
	}
	return frames
}

func (p *Process) mapping(address uint64) *mapping {
	for _, m := range p.mappings {
		if m.holds(address) {
			return m
		}
	}
	return nil
}

// module is the open file of a mapping, or nil.
func (p *Process) module(m *mapping) *module {
	if m == nil || m.tried {
		if m == nil {
			return nil
		}
		return m.module
	}
	m.tried = true
	opened, err := openModule(p.pid, m)
	if err != nil {
		return nil
	}
	p.closers = append(p.closers, opened.data)
	m.module = opened
	return opened
}

// caller are the registers at the return from the frame; interrupted says that the
// frame is the kernel's between a signal's handler and what it interrupted.
func (p *Process) caller(r Registers, m *mapping, address uint64, innermost bool) (caller Registers, interrupted, ok bool) {
	if p.trampoline(r[programCounter]) {
		caller, ok = p.interruptedBy(r)
		return caller, true, ok
	}
	if file := p.module(m); file != nil {
		rules, err := file.rules(address - file.bias)
		if err == nil {
			if caller, err = p.apply(r, rules); err == nil {
				return caller, false, true
			}
			if errors.Is(err, errOutermost) {
				return nil, false, false
			}
		}
	}
	if m == nil {
		// A call through a pointer to nowhere: only the return address was pushed.
		caller, ok = p.pushed(r)
		return caller, false, ok
	}
	if innermost {
		if caller, ok := p.leaf(r); ok {
			return caller, false, true
		}
	}
	caller, ok = p.byFramePointer(r)
	return caller, false, ok
}

var errOutermost = errors.New("the outermost frame")

// apply undoes a frame by its rules.
func (p *Process) apply(r Registers, rules *frame.FrameContext) (Registers, error) {
	if rules.CFA.Rule != frame.RuleCFA {
		return nil, errNoFrame // an expression, as of linkage tables
	}
	base, ok := r[rules.CFA.Reg]
	if !ok {
		return nil, errNoFrame
	}
	cfa := base + uint64(rules.CFA.Offset)
	caller := maps.Clone(r)
	delete(caller, programCounter)
	for register, rule := range rules.Regs {
		switch rule.Rule {
		case frame.RuleOffset:
			value, err := p.word(cfa + uint64(rule.Offset))
			if err != nil {
				return nil, err
			}
			caller[register] = value
		case frame.RuleValOffset:
			caller[register] = cfa + uint64(rule.Offset)
		case frame.RuleRegister:
			caller[register] = r[rule.Reg]
		case frame.RuleSameVal:
		case frame.RuleUndefined:
			if register == rules.RetAddrReg {
				return nil, errOutermost
			}
			delete(caller, register)
		default:
			delete(caller, register)
		}
	}
	caller[p.arch.sp] = cfa
	caller[programCounter] = caller[rules.RetAddrReg]
	return caller, nil
}

// byFramePointer follows the chain of frame pointers.
func (p *Process) byFramePointer(r Registers) (Registers, bool) {
	fp, ok := r[p.arch.fp]
	if !ok || fp < r[p.arch.sp] || fp%8 != 0 {
		return nil, false
	}
	next, err := p.word(fp)
	if err != nil {
		return nil, false
	}
	pc, err := p.word(fp + 8)
	if err != nil {
		return nil, false
	}
	return Registers{p.arch.fp: next, p.arch.sp: fp + 16, programCounter: pc}, true
}

// leaf is for an innermost function that has made no frame: a return address lies
// at the top of its stack, and there is a call before where it leads.
func (p *Process) leaf(r Registers) (Registers, bool) {
	if p.arch != &amd64 {
		return nil, false
	}
	caller, ok := p.pushed(r)
	if !ok || p.mapping(caller[programCounter]) == nil {
		return nil, false
	}
	var before [5]byte
	if _, err := p.memory.ReadAt(before[:], int64(caller[programCounter]-5)); err != nil || before[0] != 0xe8 && before[3] != 0xff {
		return nil, false
	}
	return caller, true
}

// pushed takes the return address from the top of the stack.
func (p *Process) pushed(r Registers) (Registers, bool) {
	if p.arch != &amd64 {
		caller := maps.Clone(r)
		caller[programCounter] = r[p.arch.pc]
		return caller, caller[programCounter] != r[programCounter]
	}
	pc, err := p.word(r[p.arch.sp])
	if err != nil {
		return nil, false
	}
	caller := maps.Clone(r)
	caller[p.arch.sp] += 8
	caller[programCounter] = pc
	return caller, true
}

func (p *Process) trampoline(pc uint64) bool {
	for _, code := range p.arch.trampolines {
		b := make([]byte, len(code))
		if _, err := p.memory.ReadAt(b, int64(pc)); err == nil && bytes.Equal(b, code) {
			return true
		}
	}
	return false
}

// interruptedBy reads the registers that the kernel saved before the handler.
func (p *Process) interruptedBy(r Registers) (Registers, bool) {
	saved := Registers{}
	for i, register := range p.arch.context {
		value, err := p.word(r[p.arch.sp] + p.arch.contextOffset + 8*uint64(i))
		if err != nil {
			return nil, false
		}
		saved[uint64(register)] = value
	}
	saved[programCounter] = saved[p.arch.pc]
	return saved, true
}

func (p *Process) word(address uint64) (uint64, error) {
	var b [8]byte
	if _, err := p.memory.ReadAt(b[:], int64(address)); err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b[:]), nil
}
