package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// apt runs apt-get with lists, caches and a status file of its own in dir, on
// the machine's sources. For it nothing is installed, so every dependency is
// part of what it resolves.
type apt struct {
	dir  string
	logf func(format string, args ...any)
}

// deb is a package file as apt-get would fetch it.
type deb struct {
	File string
	Size int64
	Hash string
}

// listsAge is how old package lists may be: mirrors drop superseded packages,
// and security updates should arrive within a day.
// Lists of listsAgeForced are new enough even where something was missing.
const (
	listsAge       = 6 * time.Hour
	listsAgeForced = 2 * time.Minute
)

// aptPreferences makes Debian's own packages win over those of other sources
// of the machine, which need not be reachable or fit together.
const aptPreferences = "Package: *\nPin: release o=Debian\nPin-Priority: 990\n"

// prepare makes dir ready, waits for others that use it, and refreshes the
// package lists if they are old. The caller must call unlock.
func (a apt) prepare(ctx context.Context) (unlock func(), err error) {
	for _, tool := range []string{"apt-get", "apt-config", "dpkg-deb"} {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, fmt.Errorf("%w: %s is not on this machine; build on Debian or Ubuntu, or import a finished image archive", ErrNoApt, tool)
		}
	}
	for _, d := range []string{"lists/partial", "archives/partial", "none/partial"} {
		if err := os.MkdirAll(filepath.Join(a.dir, d), 0o755); err != nil {
			return nil, fmt.Errorf("make package cache: %w", err)
		}
	}
	lock := flock.New(filepath.Join(a.dir, "bulkhead.lock"))
	if _, err := lock.TryLockContext(ctx, 100*time.Millisecond); err != nil {
		return nil, fmt.Errorf("wait for the package cache %s, which another build uses: %w", a.dir, err)
	}
	unlock = func() { _ = lock.Unlock() }
	if err = a.configure(ctx); err == nil {
		err = a.refresh(ctx, false)
	}
	if err != nil {
		unlock()
		return nil, err
	}
	return unlock, nil
}

// configure writes the configuration that every call uses in place of the
// machine's, whose hooks could change the machine. How to reach the network
// (proxies, retries) is taken over from it.
func (a apt) configure(ctx context.Context) error {
	dump, err := a.run(ctx, "apt-config", "dump")
	if err != nil {
		return err
	}
	conf := aptConfig(a.dir, string(dump))
	return errors.Join(
		os.WriteFile(a.path("apt.conf"), []byte(conf), 0o644),
		os.WriteFile(a.path("preferences"), []byte(aptPreferences), 0o644),
		os.WriteFile(a.path("status"), nil, 0o644),
	)
}

func aptConfig(dir, machine string) string {
	var b strings.Builder
	for line := range strings.Lines(machine) {
		if strings.HasPrefix(line, "Acquire::") && !strings.HasPrefix(line, "Acquire::IndexTargets") &&
			!strings.HasPrefix(line, "Acquire::Languages") && !strings.HasPrefix(line, "Acquire::CompressionTypes") {
			b.WriteString(line)
		}
	}
	for _, kv := range [][2]string{
		{"Dir::Etc::main", "/dev/null"},
		{"Dir::Etc::parts", "/dev/null"},
		{"Dir::Etc::preferences", filepath.Join(dir, "preferences")},
		{"Dir::Etc::preferencesparts", "/dev/null"},
		{"Dir::State", dir},
		{"Dir::State::lists", filepath.Join(dir, "lists")},
		{"Dir::State::status", filepath.Join(dir, "status")},
		{"Dir::State::extended_states", filepath.Join(dir, "extended_states")},
		{"Dir::Cache", dir},
		{"Dir::Cache::archives", filepath.Join(dir, "archives")},
		{"Dir::Log", dir},
		{"APT::Install-Recommends", "false"},
		{"APT::Keep-Downloaded-Packages", "true"},
		{"APT::Sandbox::User", "root"}, // the download user may not enter dir
		{"Acquire::Languages", "none"},
		{"Acquire::Retries", "2"},
		{"Acquire::ForceHash", "SHA256"},
	} {
		fmt.Fprintf(&b, "%s %q;\n", kv[0], kv[1])
	}
	return b.String()
}

// refresh fetches the package lists, if forced or old. Without a network, old
// lists are better than none.
func (a apt) refresh(ctx context.Context, force bool) error {
	stamp := a.path("updated")
	info, err := os.Stat(stamp)
	age := listsAge
	if force {
		age = listsAgeForced
	}
	if err == nil && time.Since(info.ModTime()) < age {
		return nil
	}
	a.logf("fetching package lists")
	if _, uerr := a.run(ctx, "apt-get", "-q", "update"); uerr != nil {
		if err == nil && !force {
			a.logf("package lists are %s old and could not be fetched again: %v", time.Since(info.ModTime()).Round(time.Hour), uerr)
			return nil
		}
		return fmt.Errorf("fetch package lists: %w", uerr)
	}
	return os.WriteFile(stamp, nil, 0o644)
}

// closure lists the packages and all that they depend on.
func (a apt) closure(ctx context.Context, packages []string) ([]deb, error) {
	if len(packages) == 0 {
		return nil, errors.New("no packages given")
	}
	// What is in the archives directory is not printed, so it looks into one
	// that stays empty.
	out, err := a.install(ctx, packages, "--print-uris", "-o", "Dir::Cache::archives="+a.path("none"))
	if err != nil {
		return nil, err
	}
	debs, err := parseURIs(string(out))
	if err == nil && len(debs) == 0 {
		err = fmt.Errorf("apt-get names no file to fetch for %v", packages)
	}
	return debs, err
}

// download fetches what is not yet there and returns the files in the order
// of debs.
func (a apt) download(ctx context.Context, packages []string, debs []deb) ([]string, error) {
	missing, bytes := 0, int64(0)
	files := make([]string, len(debs))
	for i, d := range debs {
		files[i] = filepath.Join(a.dir, "archives", d.File)
		if info, err := os.Stat(files[i]); err != nil || info.Size() != d.Size {
			missing, bytes = missing+1, bytes+d.Size
		}
	}
	if missing == 0 {
		return files, nil
	}
	a.logf("downloading %d packages, %.1f MB, for %v", missing, float64(bytes)/1e6, packages)
	if _, err := a.install(ctx, packages, "--download-only"); err != nil {
		return nil, err
	}
	for _, f := range files {
		if _, err := os.Stat(f); err != nil {
			return nil, fmt.Errorf("apt-get said that it downloaded everything, but: %w", err)
		}
	}
	return files, nil
}

func (a apt) install(ctx context.Context, packages []string, options ...string) ([]byte, error) {
	args := append([]string{"-qq", "-y"}, options...)
	args = append(append(args, "install", "--"), packages...)
	out, err := a.run(ctx, "apt-get", args...)
	if errors.Is(err, ErrOffline) || errors.Is(err, ErrUnknownPackage) {
		// The lists may name files that the mirror has replaced since, or lack
		// new packages.
		if rerr := a.refresh(ctx, true); rerr != nil {
			return nil, errors.Join(err, rerr)
		}
		out, err = a.run(ctx, "apt-get", args...)
	}
	return out, err
}

func (a apt) run(ctx context.Context, name string, args ...string) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	if name != "apt-config" {
		cmd.Env = append(cmd.Env, "APT_CONFIG="+a.path("apt.conf"))
	}
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, aptError(name, err, stderr.String())
	}
	return stdout.Bytes(), nil
}

func (a apt) path(name string) string { return filepath.Join(a.dir, name) }

// parseURIs reads what apt-get --print-uris prints: 'URI' file size hash.
func parseURIs(out string) ([]deb, error) {
	var debs []deb
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if len(f) < 3 || !strings.HasPrefix(f[0], "'") {
			continue
		}
		size, err := strconv.ParseInt(f[2], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("apt-get printed %q: %w", strings.TrimSpace(line), err)
		}
		file, err := url.PathUnescape(f[1])
		if err != nil {
			return nil, fmt.Errorf("apt-get printed %q: %w", strings.TrimSpace(line), err)
		}
		// In the archives directory apt keeps the colon of an epoch escaped.
		d := deb{File: strings.ReplaceAll(file, ":", "%3a"), Size: size}
		if len(f) > 3 {
			d.Hash = f[3]
		}
		debs = append(debs, d)
	}
	return debs, nil
}
