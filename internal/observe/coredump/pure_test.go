package coredump

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/observe/coredump/corepattern"
)

func TestTally(t *testing.T) {
	start := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	var tally tally
	for i, c := range []struct {
		after  time.Duration
		look   bool
		others int
	}{
		{0, true, 0},
		{time.Second, true, 0},
		{2 * time.Second, false, 1},
		{3 * time.Second, false, 0}, // told 1 s ago
		{4 * time.Second, false, 0},
		{13 * time.Second, false, 3},
		{14 * time.Second, false, 0},
		{time.Minute, true, 1}, // the first has left the window
	} {
		look, others := tally.admit(start.Add(c.after), 2, time.Minute)
		if look != c.look || others != c.others {
			t.Errorf("core %d after %v: %t %d, want %t %d", i, c.after, look, others, c.look, c.others)
		}
	}
}

func TestEvict(t *testing.T) {
	s := Settings{ContainerBytes: 50, TotalBytes: 100}
	all := []kept{
		{"a1", "a", "1", 20}, {"b1", "b", "2", 40}, {"a2", "a", "3", 20}, {"w.part", "c", "4", 10},
	}
	for name, c := range map[string]struct {
		key  string
		more int64
		want []string
		ok   bool
	}{
		"room is there":                   {"b", 10, nil, true},
		"its own oldest for the share":    {"a", 20, []string{"a1"}, true},
		"the oldest of all for the total": {"d", 20, []string{"a1"}, true},
		"two of them":                     {"d", 40, []string{"a1", "b1"}, true},
		"more than its share":             {"d", 60, []string{"a1", "b1"}, false},
		"not what is being written":       {"c", 45, []string{"a1", "b1"}, false},
	} {
		remove, ok := evict(all, "own", c.key, c.more, Owners{}, s)
		var got []string
		for _, k := range remove {
			got = append(got, k.path)
		}
		if !slices.Equal(got, c.want) || ok != c.ok {
			t.Errorf("%s: removes %q (%t), want %q (%t)", name, got, ok, c.want, c.ok)
		}
	}
}

// The cores of a workload count together, whichever of its pods they are of.
func TestEvictByWorkload(t *testing.T) {
	s := Settings{ContainerBytes: 50, OwnerBytes: 60, TotalBytes: 1000}
	o := Owners{Pods: map[string]string{"p1": "Deployment/shop/web", "p2": "Deployment/shop/web", "p3": "Deployment/shop/web", "p4": "Deployment/shop/cart"}}
	all := []kept{{"c1", "p4_node", "0", 40}, {"w1", "p1_node", "1", 30}, {"w2", "p2_node", "2", 20}, {"n1", "_sshd", "3", 40}}
	for name, c := range map[string]struct {
		key  string
		more int64
		want []string
		ok   bool
	}{
		"the third pod finds room":                {"p3_node", 10, nil, true},
		"the first pod's goes for the third's":    {"p3_node", 20, []string{"w1"}, true},
		"another workload has a share of its own": {"p4_node", 10, nil, true},
		"what is no pod's has none":               {"_sshd", 10, nil, true},
		"the workload's share is full":            {"p3_node", 61, []string{"w1", "w2"}, false},
	} {
		remove, ok := evict(all, "own", c.key, c.more, o, s)
		var got []string
		for _, k := range remove {
			got = append(got, k.path)
		}
		if !slices.Equal(got, c.want) || ok != c.ok {
			t.Errorf("%s: removes %q (%t), want %q (%t)", name, got, ok, c.want, c.ok)
		}
	}
}

// While a brake holds them, a workload's first cores stay and no more come.
func TestFreeSpaceThatIsLeft(t *testing.T) {
	var s Settings
	s.complete()
	const gib = 1 << 30
	for size, want := range map[float64]float64{1 * gib: 0.25 * gib, 20 * gib: 5 * gib, 200 * gib: 32 * gib} {
		if got := s.leave(size); got != want {
			t.Errorf("of %.0f GiB, %.2f GiB are left free, want %.2f", size/gib, got/gib, want/gib)
		}
	}
}

func TestHeldCores(t *testing.T) {
	dir := directory(t.TempDir())
	if err := dir.prepare("/bin/true", Settings{}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"p1_node@1-1.core", "p2_node@2-2.core", "p4_node@3-3.core"} {
		if err := os.WriteFile(dir.kept()+"/"+name, make([]byte, 8192), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set := func(o Owners) {
		t.Helper()
		if err := SetOwners(string(dir), o); err != nil {
			t.Fatal(err)
		}
	}
	const web, cart = "Deployment/shop/web", "Deployment/shop/cart"
	set(Owners{Pods: map[string]string{"p1": web, "p2": web, "p4": cart}})
	set(Owners{Pods: map[string]string{"p3": web}, Bytes: map[string]int64{web: 20 << 10}}) // the others are gone
	s := Settings{MinFree: 0.001, Spare: 1}
	s.complete()
	for _, c := range []struct {
		key  string
		more int64
		want string
	}{{"p3_node", 4 << 10, ""}, {"p3_node", 5 << 10, "held"}, {"p4_node", 1 << 20, ""}, {"p9_node", 1 << 20, ""}} {
		err := dir.room("own", c.key, c.more, s)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%d bytes more of %s: %v, want %q", c.more, c.key, err, c.want)
		}
	}
	if all, err := dir.list(); err != nil || len(all) != 3 {
		t.Errorf("%d cores are left (%v)", len(all), err)
	}
	set(Owners{})
	if got := dir.readOwners().Pods; len(got) != 3 {
		t.Errorf("of pods whose cores are kept, %v are known", got)
	}
}

func TestOurs(t *testing.T) {
	for pattern, want := range map[string]string{
		"|/var/lib/bulkhead/cores/handler %P %I %s %t %e":   "/var/lib/bulkhead/cores",
		"|/usr/lib/systemd/systemd-coredump %P %u %g %s %t": "",
		"|/usr/share/apport/handler %p":                     "",
		"core":                                              "",
		"":                                                  "",
		"/var/cores/handler %P %I %s %t %e":                 "",
	} {
		if got := corepattern.Ours(pattern); got != want {
			t.Errorf("ours(%q) = %q, want %q", pattern, got, want)
		}
	}
}

func TestInstallRefusesPathsThatTheKernelWouldNotTake(t *testing.T) {
	for _, dir := range []string{"cores", "/a b", "/a%P", "/" + strings.Repeat("x", 120)} {
		if _, err := Install(dir, "/bin/true", "/x", Settings{}); err == nil {
			t.Errorf("Install(%q) is no error", dir)
		}
	}
}

func TestParseArguments(t *testing.T) {
	for _, args := range [][]string{nil, {"1", "2", "3", "4"}, {"x", "1", "6", "0", "a"}} {
		if _, err := parseArguments(args); err == nil {
			t.Errorf("%q is no error", args)
		}
	}
	c, err := parseArguments([]string{"7", "8", "6", "1700000000", "a b"})
	if err != nil || c.pid != 7 || c.thread != 8 || c.signal != 6 || c.command != "a b" || c.time.Unix() != 1700000000 {
		t.Errorf("got %+v, %v", c, err)
	}
}
