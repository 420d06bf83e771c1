// Package drops counts the packets that the kernel drops, by its reason, with a BPF
// program on the tracepoint kfree_skb (Linux 5.17 and later).
//
// The program adds one to a number per processor and reason; only reasons that
// mean trouble are shown, since the kernel also calls it a drop when a connection
// ends or nobody listens.
package drops

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"

	"github.com/bulkhead-k8s/bulkhead/internal/observe/node/kerneltypes"
)

// reasons is how many are counted; Linux 6.18 has about 130.
const reasons = 512

// trouble is what the kernel's reasons mean. A packet that a firewall rule drops is
// what somebody wanted, and what a NetworkPolicy does: it is told.
var trouble = map[string]string{
	"SKB_DROP_REASON_NETFILTER_DROP":  "firewall rule or network policy",
	"SKB_DROP_REASON_SOCKET_RCVBUFF":  "a socket's buffer is full",
	"SKB_DROP_REASON_SOCKET_BACKLOG":  "a socket's backlog is full",
	"SKB_DROP_REASON_CPU_BACKLOG":     "a processor's queue is full",
	"SKB_DROP_REASON_QDISC_DROP":      "an interface's queue is full",
	"SKB_DROP_REASON_FULL_RING":       "a ring buffer is full",
	"SKB_DROP_REASON_NOMEM":           "no memory",
	"SKB_DROP_REASON_PROTO_MEM":       "the protocol's memory is used up",
	"SKB_DROP_REASON_PKT_TOO_BIG":     "larger than the MTU",
	"SKB_DROP_REASON_IP_RPFILTER":     "its source is not reachable where it came from",
	"SKB_DROP_REASON_IP_OUTNOROUTES":  "no route",
	"SKB_DROP_REASON_IP_INNOROUTES":   "no route",
	"SKB_DROP_REASON_NEIGH_FAILED":    "the neighbour does not answer",
	"SKB_DROP_REASON_NEIGH_QUEUEFULL": "the neighbour does not answer",
	"SKB_DROP_REASON_TCP_CSUM":        "checksum",
	"SKB_DROP_REASON_UDP_CSUM":        "checksum",
	"SKB_DROP_REASON_IP_CSUM":         "checksum",
	"SKB_DROP_REASON_XDP":             "an XDP program",
	"SKB_DROP_REASON_TC_INGRESS":      "a traffic rule",
	"SKB_DROP_REASON_TC_EGRESS":       "a traffic rule",
}

// Counter counts until it is closed.
type Counter struct {
	counts  *ebpf.Map
	program *ebpf.Program
	link    link.Link
	shown   map[uint32]string
}

// Open begins to count.
func Open() (_ *Counter, err error) {
	shown, err := meanings()
	if err != nil {
		return nil, err
	}
	c := &Counter{shown: shown}
	defer func() {
		if err != nil {
			c.Close()
		}
	}()
	c.counts, err = ebpf.NewMap(&ebpf.MapSpec{Name: "bulkhead_drops", Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 8, MaxEntries: reasons})
	if err != nil {
		return nil, fmt.Errorf("make the counters of drops: %w", err)
	}
	c.program, err = ebpf.NewProgram(&ebpf.ProgramSpec{Name: "bulkhead_drop", Type: ebpf.RawTracepoint, License: "GPL", Instructions: instructions(c.counts.FD())})
	if err != nil {
		return nil, fmt.Errorf("load the program for drops: %w", err)
	}
	c.link, err = link.AttachRawTracepoint(link.RawTracepointOptions{Name: "kfree_skb", Program: c.program})
	if err != nil {
		return nil, fmt.Errorf("attach to kfree_skb: %w", err)
	}
	return c, nil
}

// instructions: the reason is the tracepoint's third argument.
func instructions(counts int) asm.Instructions {
	return asm.Instructions{
		asm.LoadMem(asm.R1, asm.R1, 16, asm.DWord),
		asm.StoreMem(asm.RFP, -4, asm.R1, asm.Word),
		asm.LoadMapPtr(asm.R1, counts),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "end"),
		asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord),
		asm.Add.Imm(asm.R1, 1),
		asm.StoreMem(asm.R0, 0, asm.R1, asm.DWord),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("end"),
		asm.Return(),
	}
}

// meanings are those reasons of trouble that this kernel has, by its numbers.
func meanings() (map[uint32]string, error) {
	types, err := kerneltypes.Load("skb_drop_reason")
	if err != nil {
		return nil, err
	}
	shown := map[uint32]string{}
	for name, value := range types.Values("skb_drop_reason") {
		if meaning, ok := trouble[name]; ok && value < reasons {
			shown[value] = meaning
		}
	}
	if len(shown) == 0 {
		return nil, errors.New("find the kernel's reasons of drops: none is known")
	}
	return shown, nil
}

// Read gives how many packets were dropped since Open, by meaning.
func (c *Counter) Read() (map[string]uint64, error) {
	all := map[string]uint64{}
	for reason, meaning := range c.shown {
		var each []uint64
		if err := c.counts.Lookup(reason, &each); err != nil {
			return nil, fmt.Errorf("read the counters of drops: %w", err)
		}
		all[meaning] += sum(each)
	}
	return all, nil
}

func sum(each []uint64) uint64 {
	total := uint64(0)
	for n := range slices.Values(each) {
		total += n
	}
	return total
}

// Close ends the counting.
func (c *Counter) Close() {
	if c.link != nil {
		c.link.Close()
	}
	if c.program != nil {
		c.program.Close()
	}
	if c.counts != nil {
		c.counts.Close()
	}
}
