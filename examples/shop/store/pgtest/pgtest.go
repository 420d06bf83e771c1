//go:build unix

// Package pgtest gives a test a PostgreSQL server of its own, from the
// machine's packages, in a temporary directory and on a Unix socket.
package pgtest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// startWithin bounds the wait for a server; a loaded machine needs seconds.
const startWithin = 60 * time.Second

// Start runs a server until the test ends and returns how to reach it. It skips
// the test where no PostgreSQL is installed, and where root has no other user
// to run it as, since PostgreSQL refuses root.
func Start(t *testing.T) (source string) {
	t.Helper()
	bin := binaries(t)
	as := identity(t)
	// Sockets have short names: t.TempDir would be too long.
	dir, err := os.MkdirTemp("", "pg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if as != nil {
		if err := os.Chown(dir, int(as.Uid), int(as.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(dir, "data")
	initdb := command(as, dir, filepath.Join(bin, "initdb"), "-D", data, "-U", "shop", "--auth", "trust", "--no-sync", "--locale", "C.UTF-8")
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	var log bytes.Buffer
	server := command(as, dir, filepath.Join(bin, "postgres"), "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "jit=off")
	server.Stdout, server.Stderr = &log, &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGINT) // a fast shutdown
		<-ended
	})
	if err := await(as, dir, filepath.Join(bin, "pg_isready"), ended); err != nil {
		ended <- nil // for the cleanup, should it have ended by itself
		t.Fatalf("start PostgreSQL: %v\n%s", err, log.String())
	}
	return fmt.Sprintf("host=%s user=shop dbname=postgres sslmode=disable", dir)
}

func await(as *syscall.Credential, dir, isReady string, ended <-chan error) error {
	deadline := time.Now().Add(startWithin)
	for time.Now().Before(deadline) {
		if command(as, dir, isReady, "-q", "-h", dir).Run() == nil {
			return nil
		}
		select {
		case err := <-ended:
			return errors.Join(errors.New("it ended at once"), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
	return fmt.Errorf("not ready after %s", startWithin)
}

func binaries(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		t.Skip("needs PostgreSQL's server: apt-get install postgresql")
	}
	return filepath.Dir(slices.Max(found))
}

// identity is whom the server runs as; nil is the current user.
func identity(t *testing.T) *syscall.Credential {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("nobody")
	if err != nil {
		t.Skip("PostgreSQL refuses to run as root, and there is no user nobody: ", err)
	}
	uid, uerr := strconv.ParseUint(u.Uid, 10, 32)
	gid, gerr := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(uerr, gerr); err != nil {
		t.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func command(as *syscall.Credential, dir, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	return cmd
}
