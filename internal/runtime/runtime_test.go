package runtime

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"

	"github.com/bulkhead-k8s/bulkhead/internal/runtime/layout"
)

func TestOptionsRefuseWhatCannotWork(t *testing.T) {
	valid := Options{DataDir: "/data", CgroupRoot: "/bulkhead", Executable: "/bin/true"}
	for _, tc := range []struct {
		name string
		set  func(*Options)
		want string
	}{
		{"defaults", func(*Options) {}, ""},
		{"data directory", func(o *Options) { o.DataDir = "data" }, "data directory"},
		{"cgroup", func(o *Options) { o.CgroupRoot = "/" }, "cgroup"},
		{"no cgroup", func(o *Options) { o.CgroupRoot = "" }, "cgroup"},
		{"snapshotter", func(o *Options) { o.Snapshotter = "zfs" }, "snapshotter"},
		{"range", func(o *Options) { o.PodCIDR = "10.42.0.0" }, "10.42.0.0"},
		{"both families", func(o *Options) { o.PodCIDR = "10.42.0.0/24,fd00:42::/64" }, ""},
	} {
		options := valid
		tc.set(&options)
		_, err := New(options)
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
	}
}

// at returns a value by its path in decoded settings.
func at(t *testing.T, settings map[string]any, path ...string) any {
	t.Helper()
	var value any = settings
	for _, key := range path {
		inner, ok := value.(map[string]any)
		if !ok {
			t.Fatalf("no %v in the settings", path)
		}
		value = inner[key]
	}
	return value
}

func TestContainerdConfigFollowsTheHost(t *testing.T) {
	paths := layout.For("/data")
	for _, canLower := range []bool{false, true} {
		encoded, err := containerdConfig(Options{CgroupRoot: "/bulkhead", Snapshotter: "native"}, paths,
			hostFacts{RunC: "/opt/runc", CNI: "/opt/cni", CanLowerOOMScore: canLower})
		if err != nil {
			t.Fatal(err)
		}
		var settings map[string]any
		if err := toml.Unmarshal(encoded, &settings); err != nil {
			t.Fatal(err)
		}
		if restrict := at(t, settings, "plugins", "io.containerd.cri.v1.runtime", "restrict_oom_score_adj"); restrict != !canLower {
			t.Errorf("restrict_oom_score_adj = %v where the score can be lowered: %v", restrict, canLower)
		}
		if score := at(t, settings, "oom_score").(int64); (score < 0) != canLower {
			t.Errorf("oom_score = %d where it can be lowered: %v", score, canLower)
		}
		runc := []string{"plugins", "io.containerd.cri.v1.runtime", "containerd", "runtimes", "runc"}
		if path := at(t, settings, append(runc, "options", "BinaryName")...); path != "/opt/runc" {
			t.Errorf("runc is %v", path)
		}
		if path := at(t, settings, append(runc, "runtime_path")...); path != "/data/bin/containerd-shim-runc-v2" {
			t.Errorf("the shim is %v", path)
		}
		required := at(t, settings, "required_plugins").([]any)
		if !slices.Contains(required, any("io.containerd.snapshotter.v1.native")) {
			t.Errorf("required plugins are %v", required)
		}
		// Nothing of ours lies outside of the data directory but the sockets.
		for line := range strings.Lines(string(encoded)) {
			if strings.Contains(line, "'/") && !strings.Contains(line, "/data") && !strings.Contains(line, "/opt") &&
				!strings.Contains(line, "/run/bulkhead") && !strings.Contains(line, "/bulkhead/containerd") {
				t.Errorf("path outside of the data directory: %s", line)
			}
		}
	}
}

// Linux limits a socket's path to 108 bytes, containerd its shims' directory to
// 42; a data directory may have 60 (see package config).
func TestPathsFitTheLimitsOfSockets(t *testing.T) {
	paths := layout.For("/" + strings.Repeat("x", 59))
	if len(paths.Socket+".ttrpc") > 107 || len(paths.ShimSockets) > 42 {
		t.Errorf("%s (%d), %s (%d)", paths.Socket, len(paths.Socket), paths.ShimSockets, len(paths.ShimSockets))
	}
}

func TestHasCapability(t *testing.T) {
	for _, tc := range []struct {
		status string
		want   bool
	}{
		{"Name:\tx\nCapPrm:\t000001ffffffffff\nCapEff:\t000001fffeffffff\n", false},
		{"CapEff:\t000001ffffffffff\n", true},
		{"CapEff:\t0000000001000000\n", true},
		{"CapEff:\t0000000000000000\n", false},
	} {
		if got, err := hasCapability([]byte(tc.status), 24); err != nil || got != tc.want {
			t.Errorf("%q: %v, %v; want %v", tc.status, got, err, tc.want)
		}
	}
	if _, err := hasCapability([]byte("Name:\tx\n"), 24); err == nil {
		t.Error("a status without capabilities was read")
	}
}

func TestRunCVersions(t *testing.T) {
	for output, works := range map[string]bool{
		"runc version 1.1.5+ds1\ncommit: 1.1.5\nspec: 1.0.2-dev\n": true,
		"runc version 1.5.2\n":               true,
		"runc version 2.0.0\n":               true,
		"runc version 1.0.3\n":               false,
		"crun version 1.8.1\ncommit: f8a0\n": true,
		"crun version 1.3\n":                 false,
		"crun version 0.17\n":                false,
		"youki version 0.5.0\n":              false,
		"":                                   false,
	} {
		if err := checkRunCVersion(output); (err == nil) != works {
			t.Errorf("%q: %v, want it to be taken: %v", output, err, works)
		}
	}
}

func TestMissingProgramsAreNamed(t *testing.T) {
	empty := t.TempDir()
	t.Setenv("PATH", empty)
	if _, err := findRunC(t.Context(), empty); !errors.Is(err, ErrMissingProgram) || !strings.Contains(err.Error(), "runc") {
		t.Errorf("without runc: %v", err)
	}
	if _, err := findCNI(empty); !errors.Is(err, ErrMissingProgram) || !strings.Contains(err.Error(), "bridge") {
		t.Errorf("without CNI plugins: %v", err)
	}
	// The host's runc is taken, but not an old one.
	for version, taken := range map[string]bool{"1.1.5": true, "1.0.0": false} {
		script := "#!/bin/sh\necho runc version " + version + "\n"
		if err := os.WriteFile(filepath.Join(empty, "runc"), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		path, err := findRunC(t.Context(), t.TempDir())
		if (err == nil) != taken || taken && path != filepath.Join(empty, "runc") {
			t.Errorf("runc %s of the host: %q, %v", version, path, err)
		}
	}
}

func TestProgramsBesideUsAreTakenFirst(t *testing.T) {
	beside := t.TempDir()
	if got := findProgram(beside, containerdName, "/opt/bulkheadd"); got != "/opt/bulkheadd" {
		t.Errorf("without a program beside us: %s", got)
	}
	program := filepath.Join(beside, "bulkhead-containerd")
	if err := os.WriteFile(program, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if got := findProgram(beside, containerdName, "/opt/bulkheadd"); got != program {
		t.Errorf("with a program beside us: %s", got)
	}
	bin := t.TempDir()
	for _, target := range []string{program, program, "/opt/bulkheadd"} {
		if err := linkPrograms(bin, map[string]string{containerdName: target}); err != nil {
			t.Fatal(err)
		}
		if got, err := os.Readlink(filepath.Join(bin, containerdName)); err != nil || got != target {
			t.Errorf("link leads to %q, %v; want %q", got, err, target)
		}
	}
}

func TestContainerdEnvironment(t *testing.T) {
	env := containerdEnv([]string{
		"HTTPS_PROXY=http://proxy", "NOTIFY_SOCKET=/run/systemd/notify", "LISTEN_FDS=2", "PATH=/home/me/bin",
		"WATCHDOG_USEC=1", "GOMEMLIMIT=200MiB", "HOME=/root",
	}, "/data/bin", "/data/run/notify.sock", "abc")
	for _, want := range []string{"HTTPS_PROXY=http://proxy", "HOME=/root", "NOTIFY_SOCKET=/data/run/notify.sock", configEnv + "=abc"} {
		if !slices.Contains(env, want) {
			t.Errorf("no %s in %q", want, env)
		}
	}
	for _, variable := range env {
		for _, unwanted := range []string{"LISTEN_FDS", "WATCHDOG_USEC", "GOMEMLIMIT", "NOTIFY_SOCKET=/run/systemd", "PATH=/home"} {
			if strings.HasPrefix(variable, unwanted) {
				t.Errorf("containerd gets %s", variable)
			}
		}
	}
}

func TestBackoff(t *testing.T) {
	var b backoff
	for i, want := range []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond} {
		if delay, failures := b.next(time.Second); delay != want || failures != i+1 {
			t.Errorf("failure %d: wait %v as number %d, want %v", i+1, delay, failures, want)
		}
	}
	for range 100 {
		if delay, _ := b.next(time.Second); delay > maxDelay || delay <= 0 {
			t.Fatalf("wait %v", delay)
		}
	}
	if delay, failures := b.next(2 * healthyAfter); delay != firstDelay || failures != 1 {
		t.Errorf("after a long life: wait %v as number %d", delay, failures)
	}
}

func TestLogIsSetAside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	const words = "time=1 level=error msg=\"first\"\ntime=2 level=info msg=second\ntime=3 level=fatal msg=third\ncontainerd: last words\n"
	if got := logSize(path); got != 0 {
		t.Errorf("size of no log: %d", got)
	}
	for range 2 {
		log, err := openLog(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := log.WriteString(words); err != nil {
			t.Fatal(err)
		}
		log.Close()
	}
	for _, tc := range []struct {
		most int
		want string
	}{
		{2, "time=3 level=fatal msg=third\ncontainerd: last words"},
		{9, "time=1 level=error msg=\"first\"\ntime=3 level=fatal msg=third\ncontainerd: last words"},
	} {
		if got := complaints(path, int64(len(words)), tc.most); got != tc.want {
			t.Errorf("errors of the second writer:\n%s\nwant:\n%s", got, tc.want)
		}
	}
	if got := complaints(path, logSize(path), 3); got != "(no error)" {
		t.Errorf("errors of a silent writer: %q", got)
	}
	if err := os.Truncate(path, maxLogBytes+1); err != nil {
		t.Fatal(err)
	}
	log, err := openLog(path)
	if err != nil {
		t.Fatal(err)
	}
	log.Close()
	for name, size := range map[string]int64{path: 0, path + ".1": maxLogBytes + 1} {
		if info, err := os.Stat(name); err != nil || info.Size() != size {
			t.Errorf("%s: %v, %v; want %d bytes", name, info, err, size)
		}
	}
}

func TestWriteFileReplacesWholeFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	for _, tc := range []struct {
		content string
		changed bool
	}{{"one", true}, {"one", false}, {"two", true}} {
		changed, err := writeFile(path, []byte(tc.content), 0o600)
		if err != nil || changed != tc.changed {
			t.Errorf("write %q: changed %v, %v; want %v", tc.content, changed, err, tc.changed)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("left %v, %v", entries, err)
	}
}

func TestFullName(t *testing.T) {
	for name, want := range map[string]string{
		"nginx:1":                    "docker.io/library/nginx:1",
		"me/app":                     "docker.io/me/app:latest",
		"registry.k8s.io/pause:3.10": "registry.k8s.io/pause:3.10",
		"localhost:5000/a/b:c":       "localhost:5000/a/b:c",
		"latest":                     "", // a tag of nothing
		"1.0":                        "",
		"NOT/A:valid:name":           "NOT/A:valid:name",
	} {
		if got := fullName(name); got != want {
			t.Errorf("fullName(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestCNIConfig(t *testing.T) {
	prefixes, err := parseCIDRs("10.42.1.7/24, fd00:42::/64")
	if err != nil {
		t.Fatal(err)
	}
	if want := []netip.Prefix{netip.MustParsePrefix("10.42.1.0/24"), netip.MustParsePrefix("fd00:42::/64")}; !slices.Equal(prefixes, want) {
		t.Errorf("ranges = %v, want %v", prefixes, want)
	}
	got, err := cniConfig(prefixes, 1400, "/data/cni", "nftables")
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/dual.conflist"
	want, err := os.ReadFile(golden)
	if err != nil || string(got) != string(want) {
		t.Errorf("configuration:\n%s\nwant that of %s: %v", got, golden, err)
	}
	if got := lastPodCIDR(golden); got != "10.42.1.0/24,fd00:42::/64" {
		t.Errorf("ranges of that configuration: %q", got)
	}
	if got := lastPodCIDR(golden + ".missing"); got != "" {
		t.Errorf("ranges of no configuration: %q", got)
	}
	for _, bad := range []string{"", "10.42.0.0", "10.42.0.0/24,", "x"} {
		if _, err := parseCIDRs(bad); err == nil {
			t.Errorf("range %q was taken", bad)
		}
	}
}
