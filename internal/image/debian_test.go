package image

import (
	"archive/tar"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// aptBuilder is shared by the tests, and with everything else that the user
// builds, so that packages are downloaded once.
var aptBuilder = Builder{}

func skipWithoutPackages(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, ErrNoApt) || errors.Is(err, ErrOffline) {
		t.Skipf("needs Debian packages: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestDebianImageRunsWithItsDependencies(t *testing.T) {
	before, _ := os.ReadDir("/var/lib/apt/lists")
	status, _ := os.ReadFile("/var/lib/dpkg/status")
	img, err := aptBuilder.FromDebian(t.Context(), Debian{
		Packages: []string{"grep", "ca-certificates"},
		Under:    []File{{Path: "/bin/grep", Link: "busybox"}, {Path: "/bin/ping", Link: "busybox"}},
		Files:    []File{{Path: "/bin/search", Link: "grep"}},
		Users:    []User{{Name: "app", UID: 1000}},
	}, Config{})
	skipWithoutPackages(t, err)

	after, _ := os.ReadDir("/var/lib/apt/lists")
	statusAfter, _ := os.ReadFile("/var/lib/dpkg/status")
	if len(before) != len(after) || string(status) != string(statusAfter) {
		t.Error("the machine's own package state changed")
	}
	files := listing(t, img)
	for path, typeflag := range map[string]byte{
		"bin": tar.TypeSymlink, "lib": tar.TypeSymlink, "usr/bin/grep": tar.TypeReg, "usr/bin/search": tar.TypeSymlink,
		"usr/bin/ping": tar.TypeSymlink,
		"tmp":          tar.TypeDir, "etc/passwd": tar.TypeReg, "etc/ssl/certs/ca-certificates.crt": tar.TypeReg,
		"usr/share/doc/grep/copyright": tar.TypeReg,
	} {
		if h := files[path]; h == nil || h.Typeflag != typeflag {
			t.Errorf("/%s is %+v, want type %c", path, h, typeflag)
		}
	}
	if h := files["etc/ssl/certs/ca-certificates.crt"]; h != nil && h.Size < 100_000 {
		t.Errorf("the bundle of certificates has %d bytes", h.Size)
	}
	for path := range files {
		if strings.HasPrefix(path, "usr/share/man/") {
			t.Errorf("/%s: manuals should be left out", path)
			break
		}
	}
	again, err := aptBuilder.FromDebian(t.Context(), Debian{
		Packages: []string{"ca-certificates", "grep"},
		Under:    []File{{Path: "/bin/grep", Link: "busybox"}, {Path: "/bin/ping", Link: "busybox"}},
		Files:    []File{{Path: "/bin/search", Link: "grep"}},
		Users:    []User{{Name: "app", UID: 1000}},
	}, Config{})
	if err != nil {
		t.Fatal(err)
	}
	if a, b := digest(t, img), digest(t, again); a != b {
		t.Errorf("the same packages in another order gave %s and %s", a, b)
	}
}

func TestDebianPackageUnknown(t *testing.T) {
	if _, err := exec.LookPath("apt-get"); err != nil {
		t.Skip("needs apt-get: ", err)
	}
	_, err := aptBuilder.FromDebian(t.Context(), Debian{Packages: []string{"no-such-package-here"}}, Config{})
	if errors.Is(err, ErrOffline) {
		t.Skipf("needs Debian packages: %v", err)
	}
	if !errors.Is(err, ErrUnknownPackage) || !strings.Contains(err.Error(), "no-such-package-here") {
		t.Errorf("got %v, want an unknown package named", err)
	}
}

func TestDebianWithoutApt(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := FromDebian(context.Background(), []string{"grep"}, nil, Config{})
	if !errors.Is(err, ErrNoApt) {
		t.Errorf("got %v, want ErrNoApt", err)
	}
}

func TestParseURIs(t *testing.T) {
	got, err := parseURIs("NOTE: x\n'http://h/p/a_1%3a2_amd64.deb' a_1%3a2_amd64.deb 42 SHA256:aa\n'http://h/p/b.deb' b.deb 7 \n")
	if err != nil {
		t.Fatal(err)
	}
	want := []deb{{"a_1%3a2_amd64.deb", 42, "SHA256:aa"}, {"b.deb", 7, ""}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := parseURIs("'http://h/a.deb' a.deb many SHA256:aa\n"); err == nil {
		t.Error("a size that is no number was accepted")
	}
}

func TestAptConfigLeavesOutTheMachinesHooks(t *testing.T) {
	conf := aptConfig("/cache", `APT::Update::Post-Invoke:: "rm -f /var/cache/apt/archives/*.deb";
Acquire::http::Proxy "http://proxy:3128";
Acquire::Languages "de";
`)
	if strings.Contains(conf, "Post-Invoke") || strings.Contains(conf, `"de"`) {
		t.Errorf("took over more than the way to the network:\n%s", conf)
	}
	for _, line := range []string{"Acquire::http::Proxy \"http://proxy:3128\";", `Dir::State::status "/cache/status";`} {
		if !strings.Contains(conf, line) {
			t.Errorf("lacks %s:\n%s", line, conf)
		}
	}
}

func TestAptErrorsSayWhatToDo(t *testing.T) {
	exit := errors.New("exit status 100")
	for said, want := range map[string]error{
		"E: Unable to locate package foo":                                                           ErrUnknownPackage,
		"E: Package 'foo' has no installation candidate":                                            ErrUnknownPackage,
		"E: Failed to fetch http://x  404  Not Found":                                               ErrOffline,
		"Err:1 http://x\n  Temporary failure resolving 'x'\nE: Some index files failed to download": ErrOffline,
		"E: Unmet dependencies":                                                                     exit,
	} {
		if err := aptError("apt-get", exit, said); !errors.Is(err, want) {
			t.Errorf("%q became %v, want %v", said, err, want)
		}
	}
}

func TestUsrMerge(t *testing.T) {
	for _, c := range []struct{ name, link, wantName, wantLink string }{
		{"bin/sh", "dash", "usr/bin/sh", "dash"},
		{"sbin/x", "../bin/x", "usr/sbin/x", "/bin/x"},
		{"lib/a/b.so", "../../usr/lib/b.so", "usr/lib/a/b.so", "/usr/lib/b.so"},
		{"usr/bin/awk", "../lib/awk", "usr/bin/awk", "../lib/awk"},
		{"library/x", "../y", "library/x", "../y"},
		{"lib64/ld.so", "/lib/ld.so", "usr/lib64/ld.so", "/lib/ld.so"},
	} {
		if got := mergeUsr(c.name); got != c.wantName {
			t.Errorf("mergeUsr(%q) = %q, want %q", c.name, got, c.wantName)
		}
		if got := mergedLink(c.name, c.link); got != c.wantLink {
			t.Errorf("mergedLink(%q, %q) = %q, want %q", c.name, c.link, got, c.wantLink)
		}
	}
}

func TestLeaveOut(t *testing.T) {
	l := leaveOut{docs: true, patterns: []string{"usr/lib/*/libLLVM*", "usr/lib/llvm-*"}}
	for name, want := range map[string]bool{
		"usr/lib/x86_64-linux-gnu/libLLVM-14.so.1": true,
		"usr/lib/llvm-14/lib/libLLVM.so":           true,
		"usr/lib/x86_64-linux-gnu/libc.so.6":       false,
		"usr/share/man/man1/ls.1.gz":               true,
		"usr/share/doc/libc6/copyright":            false,
		"usr/share/doc/libc6/README":               true,
		"usr/bin/man":                              false,
	} {
		if got := l.match(name); got != want {
			t.Errorf("match(%q) = %v, want %v", name, got, want)
		}
	}
}
