package exit

import (
	"encoding/binary"
	"os"
	"slices"
	"strconv"
	"syscall"
	"testing"
)

func TestConnector(t *testing.T) {
	c, err := OpenConnector()
	if err != nil {
		t.Skipf("the kernel refuses: %v", err)
	}
	t.Cleanup(c.Close)
	name := "bulkhead-test-" + strconv.Itoa(os.Getpid())
	dir := cgroup(t, name+"/inner")
	events := watch(t, c)
	e := next(t, events, end(t, dir, syscall.SIGTERM, nil))
	if e.Signal != int(syscall.SIGTERM) || e.Main {
		t.Errorf("got %+v", e)
	}
	if len(e.Cgroups) < 2 || e.Cgroups[0] != "inner" || e.Cgroups[1] != name {
		t.Errorf("cgroups are %q, want inner and %s", e.Cgroups, name)
	}
}

func TestNames(t *testing.T) {
	for proc, want := range map[string][]string{
		"4:memory:/a/b\n1:cpu:/\n0::/\n": {"b", "a"},
		"0::/a":                          {"a"},
		"0::/":                           nil,
		"":                               nil,
	} {
		if got := names(proc); !slices.Equal(got, want) {
			t.Errorf("names(%q) = %q, want %q", proc, got, want)
		}
	}
}

func FuzzMessages(f *testing.F) {
	exit := make([]byte, atData+24)
	binary.NativeEndian.PutUint32(exit[atEvent:], eventExit)
	binary.NativeEndian.PutUint32(exit[atData:], 7)
	binary.NativeEndian.PutUint32(exit[atData+4:], 7)
	binary.NativeEndian.PutUint32(exit[atData+8:], 11)
	f.Add(exit, exit)
	f.Fuzz(func(t *testing.T, message, ring []byte) {
		c := Connector{started: map[int]process{}, inspect: func(int) process { return process{} }}
		if e, ok := c.take(message); ok && e.Signal == 0 {
			t.Errorf("no signal: %+v", e)
		}
		decode(ring)
	})
}
