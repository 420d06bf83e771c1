package programpages

import (
	"os"
	"strings"
	"testing"
)

// residentBytes is how much of this program's unchanged mappings is resident.
func residentBytes(t *testing.T) (sum int64) {
	t.Helper()
	program, mappings := own(t)
	if len(mappings) == 0 {
		t.Fatalf("no mapping of %s", program)
	}
	for _, m := range mappings {
		sum += m.resident
	}
	return sum
}

func TestReleaseUnmapsAndGoesOn(t *testing.T) {
	before := residentBytes(t)
	released, err := Release()
	if err != nil {
		t.Fatal(err)
	}
	if released < before/2 {
		t.Errorf("released %d bytes of %d", released, before)
	}
	// What runs now has been mapped again.
	if after := residentBytes(t); after >= before {
		t.Errorf("%d bytes resident before, %d after", before, after)
	}
}

const smaps = `00400000-04a00000 r-xp 00000000 fe:00 1  /bin/daemon
Size:              71680 kB
Rss:               40000 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
04a00000-04a10000 r--p 04600000 fe:00 1  /bin/daemon
Rss:                  64 kB
Anonymous:            64 kB
04a10000-04b00000 rw-p 04610000 fe:00 1  /bin/daemon
Rss:                 960 kB
Anonymous:             0 kB
04b00000-04c00000 r--p 04700000 fe:00 1  /bin/daemon
Rss:                 100 kB
Anonymous:             0 kB
7f0000000000-7f0000001000 r-xp 00000000 fe:00 2  /lib/libc.so.6
Rss:                   4 kB
Anonymous:             0 kB
`

func TestUnchanged(t *testing.T) {
	got, err := unchanged(strings.NewReader(smaps), "/bin/daemon")
	if err != nil {
		t.Fatal(err)
	}
	want := []mapping{{0x400000, 0x4a00000, 40000 << 10}, {0x4b00000, 0x4c00000, 100 << 10}}
	if len(got) != len(want) {
		t.Fatalf("got %+v, want %+v: neither writable nor relocated pages may go", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %+v, want %+v", got[i], want[i])
		}
	}
}
func own(t *testing.T) (program string, mappings []mapping) {
	t.Helper()
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	maps, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	defer maps.Close()
	if mappings, err = unchanged(maps, program); err != nil {
		t.Fatal(err)
	}
	return program, mappings
}
