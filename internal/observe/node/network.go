package node

import (
	"context"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/node/drops"
)

// lost are the kernel's counters of what a network loses for want of room: file,
// column, and what it means. All are of the node's own network namespace.
var lost = []struct {
	file   string
	column string
	reason string
}{
	// "drop": a new connection was refused since the table is full; "early_drop":
	// an old one was thrown out for it.
	{"/proc/net/stat/nf_conntrack", "drop", "conntrack table full"},
	{"/proc/net/stat/nf_conntrack", "early_drop", "conntrack table full: connections thrown out"},
	// Two packets of one new connection at once; the second is lost. The 5 s of
	// DNS are known for it.
	{"/proc/net/stat/nf_conntrack", "insert_failed", "address translation: two connections at once"},
}

// network records the use of the connection table and lost packets.
func (n *observer) network(ctx context.Context) error {
	counter, err := drops.Open()
	if err != nil {
		n.Log.Info("dropped packets are known from the kernel's tables only", "err", err)
	} else {
		defer counter.Close()
	}
	var table gate
	before := map[string]int64{}
	return every(ctx, n.Period, func(now time.Time) error {
		used, err := number("/proc/sys/net/netfilter/nf_conntrack_count")
		if err == nil {
			most, err := number("/proc/sys/net/netfilter/nf_conntrack_max")
			if err != nil {
				return err
			}
			if table.usage(now, used, most, 0) {
				n.measured(now, n.ref(), &record.Usage{Resource: "conntrack", Used: used, Capacity: most})
			}
		}
		counts := map[string]int64{}
		for _, l := range lost {
			if data, err := os.ReadFile(l.file); err == nil {
				counts[l.reason] = column(string(data), l.column)
			}
		}
		if data, err := os.ReadFile("/proc/net/softnet_stat"); err == nil {
			counts["processors' queues full"] = backlog(string(data))
		}
		if counter != nil {
			reasons, err := counter.Read()
			if err != nil {
				return err
			}
			for reason, count := range reasons {
				counts[reason] = int64(count)
			}
		}
		for _, r := range news(before, counts) {
			n.measured(now, n.ref(), &r)
		}
		before = counts
		return nil
	})
}

// news are what was lost since before; without a before, nothing is known yet.
func news(before, now map[string]int64) []record.Network {
	var all []record.Network
	for reason, count := range now {
		if last, ok := before[reason]; (ok || len(before) > 0) && count > last {
			all = append(all, record.Network{Dropped: count - last, Reason: reason})
		}
	}
	slices.SortFunc(all, func(a, b record.Network) int { return strings.Compare(a.Reason, b.Reason) })
	return all
}

// column sums a column of hexadecimal numbers, one line a processor, below names.
func column(table, name string) int64 {
	at := -1
	var sum int64
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if at < 0 {
			if at = slices.Index(f, name); at < 0 {
				return 0
			}
			continue
		}
		if at < len(f) {
			if v, err := strconv.ParseInt(f[at], 16, 64); err == nil {
				sum += v
			}
		}
	}
	return sum
}

// backlog sums the second column: packets that a processor had no room for.
func backlog(table string) int64 {
	var sum int64
	for line := range strings.Lines(table) {
		if f := strings.Fields(line); len(f) > 1 {
			if v, err := strconv.ParseInt(f[1], 16, 64); err == nil {
				sum += v
			}
		}
	}
	return sum
}
