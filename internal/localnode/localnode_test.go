package localnode

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestPlacesDoNotCollide(t *testing.T) {
	a, b := Place{"/data", "web-1"}, Place{"/data2", "web-1"}
	for name, f := range map[string]func(Place) string{
		"namespace": Place.Namespace, "link": Place.Link, "data directory": Place.DataDir, "cgroup": Place.CgroupRoot,
	} {
		if f(a) == f(b) || f(a) == f(Place{"/data", "web-2"}) {
			t.Errorf("two nodes have the %s %s", name, f(a))
		}
	}
	if n := len(a.Link()); n > 15 {
		t.Errorf("the interface's name %s has %d bytes", a.Link(), n)
	}
}

func TestRecordIsFoundAgain(t *testing.T) {
	server := t.TempDir()
	p := Place{server, "web-1"}
	r := Record{
		Pool: "web", Asked: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), State: Made, Address: netip.MustParseAddr("10.88.0.2"),
		Network: Network{"bulkhead-pool", netip.MustParsePrefix("10.88.0.0/24")}, DiskBytes: 1 << 30,
	}
	if err := p.Save(r); err != nil {
		t.Fatal(err)
	}
	if got, err := p.Load(); err != nil || *got != r {
		t.Errorf("loaded %+v, %v; want %+v", got, err, r)
	}
	torn := Place{server, "torn"}
	if err := torn.Save(r); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(torn.record(), []byte(`{"pool":`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := torn.Load(); got != nil || err != nil {
		t.Errorf("a torn record: %+v, %v", got, err)
	}
	places, err := Find(server)
	if err != nil || !slices.Equal(places, []Place{torn, p}) {
		t.Errorf("found %v, %v", places, err)
	}
	if places, err := Find(filepath.Join(server, "never")); err != nil || len(places) > 0 {
		t.Errorf("where nothing ran: %v, %v", places, err)
	}
}

func TestFreeAddress(t *testing.T) {
	n := Network{"b", netip.MustParsePrefix("10.88.0.0/29")}
	taken := map[netip.Addr]bool{}
	var got []string
	for {
		a, err := n.Free(taken)
		if err != nil {
			if !strings.Contains(err.Error(), "cidr") {
				t.Errorf("a full range: %v", err)
			}
			break
		}
		taken[a] = true
		got = append(got, a.String())
	}
	// .1 is the bridge's, .7 for broadcasts.
	if want := []string{"10.88.0.2", "10.88.0.3", "10.88.0.4", "10.88.0.5", "10.88.0.6"}; !slices.Equal(got, want) {
		t.Errorf("addresses %v, want %v", got, want)
	}
}

func TestLastWords(t *testing.T) {
	p := Place{t.TempDir(), "a"}
	if err := os.MkdirAll(p.Dir(), 0o700); err != nil {
		t.Fatal(err)
	}
	for log, want := range map[string]string{
		"I1 x\nbulkheadd: the server does not accept the token\ntrailing\n": "the server does not accept the token",
		"panic: y\ngoroutine 1\n": "goroutine 1",
		"":                        "",
	} {
		if err := os.WriteFile(p.Log(), []byte(log), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := p.LastWords(); got != want {
			t.Errorf("last words of %q: %q, want %q", log, got, want)
		}
	}
}

func TestEnvironmentIsNotTheServersAlone(t *testing.T) {
	got := environment([]string{"PATH=/bin", "NOTIFY_SOCKET=@x", "HTTPS_PROXY=p", "INVOCATION_ID=1"})
	if want := []string{"PATH=/bin", "HTTPS_PROXY=p"}; !slices.Equal(got, want) {
		t.Errorf("environment %q, want %q", got, want)
	}
}

// A disk has at least the size that the pool's machine has, by what its file system
// says of itself, and not much more.
func TestDiskHasItsSize(t *testing.T) {
	for _, program := range []string{"mkfs.ext4", "dumpe2fs"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed", program)
		}
	}
	for _, want := range []int64{512 << 20, 2 << 30, 100 << 30} {
		p := Place{t.TempDir(), "a"}
		if err := os.MkdirAll(p.Dir(), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := p.MakeDisk(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("dumpe2fs", "-h", p.Disk()).Output()
		if err != nil {
			t.Fatal(err)
		}
		field := func(name string) int64 {
			for line := range strings.Lines(string(out)) {
				if value, ok := strings.CutPrefix(line, name+":"); ok {
					n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
					if err != nil {
						t.Fatal(err)
					}
					return n
				}
			}
			t.Fatalf("dumpe2fs says no %s", name)
			return 0
		}
		has := (field("Block count") - field("Overhead clusters")) * field("Block size")
		if has < want || has > want+want/20+32<<20 {
			t.Errorf("a disk of %d MiB has %d MiB", want>>20, has>>20)
		}
	}
}
