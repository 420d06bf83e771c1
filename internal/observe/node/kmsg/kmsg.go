// Package kmsg follows the kernel's log, /dev/kmsg, and finds in it the processes
// that the kernel ended for want of memory.
//
// The log is read and not a tracepoint since only the log names both cgroups, the
// process's and the one whose limit was reached, on all kernels since 4.19 and
// without BPF.
package kmsg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Message is one line of the kernel's log.
type Message struct {
	Time time.Time
	Text string
}

// Follow calls f for each message that comes after the call, until ctx ends. It
// needs CAP_SYSLOG where dmesg is restricted.
func Follow(ctx context.Context, f func(Message)) error {
	log, err := os.OpenFile("/dev/kmsg", os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("follow the kernel's log: %w", err)
	}
	defer log.Close()
	if _, err := log.Seek(0, io.SeekEnd); err != nil {
		return fmt.Errorf("follow the kernel's log: %w", err)
	}
	defer context.AfterFunc(ctx, func() { _ = log.SetReadDeadline(time.Now()) })()
	buffer := make([]byte, 8192) // the kernel's longest, and then some
	for {
		n, err := log.Read(buffer)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, syscall.EPIPE): // the kernel has overwritten what was next
			continue
		case err != nil:
			return fmt.Errorf("follow the kernel's log: %w", err)
		}
		if m, ok := parse(string(buffer[:n]), now()); ok {
			f(m)
		}
	}
}

// clock is the wall clock and the kernel's log's at one moment.
type clock struct {
	wall      time.Time
	sinceBoot time.Duration
}

func now() clock {
	var t unix.Timespec
	// CLOCK_MONOTONIC stands for the log's clock: it differs by the microseconds
	// for which the machine adjusted it.
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) // cannot fail
	return clock{time.Now(), time.Duration(t.Nano())}
}

// parse reads "6,339,5140900,-;text\n key=value\n"; the third is microseconds.
func parse(s string, c clock) (Message, bool) {
	head, text, ok := strings.Cut(s, ";")
	if !ok {
		return Message{}, false
	}
	fields := strings.Split(head, ",")
	if len(fields) < 3 {
		return Message{}, false
	}
	us, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil {
		return Message{}, false
	}
	text, _, _ = strings.Cut(text, "\n")
	at := c.wall.Add(time.Duration(us)*time.Microsecond - c.sinceBoot)
	if at.After(c.wall) { // after a suspend, which the log's clock counts
		at = c.wall
	}
	return Message{Time: at, Text: text}, true
}
