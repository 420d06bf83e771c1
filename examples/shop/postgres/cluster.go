//go:build unix

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// settings come from the environment, under the names that PostgreSQL's public
// image uses.
type settings struct {
	data, user, password, database string
}

func fromEnvironment() (settings, error) {
	s := settings{
		data: os.Getenv("PGDATA"), user: os.Getenv("POSTGRES_USER"),
		password: os.Getenv("POSTGRES_PASSWORD"), database: os.Getenv("POSTGRES_DB"),
	}
	if s.data == "" {
		s.data = "/var/lib/postgresql/data/cluster"
	}
	if s.user == "" {
		s.user = "postgres"
	}
	if s.database == "" {
		s.database = s.user
	}
	if s.password == "" {
		return s, errors.New("POSTGRES_PASSWORD is empty: set it from a Secret")
	}
	for _, name := range []string{s.user, s.database} {
		if strings.ContainsAny(name, "\"\n\\") {
			return s, fmt.Errorf("name %q: must not contain quotes, backslashes or line breaks", name)
		}
	}
	return s, nil
}

func serve() error {
	s, err := fromEnvironment()
	if err != nil {
		return err
	}
	bin, err := binaries("/usr/lib/postgresql")
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(s.data, "PG_VERSION")); errors.Is(err, os.ErrNotExist) {
		if err := s.create(bin); err != nil {
			return fmt.Errorf("make database cluster %s: %w", s.data, err)
		}
	} else if err != nil {
		return fmt.Errorf("look for a database cluster: %w", err)
	}
	server := filepath.Join(bin, "postgres")
	args := []string{server, "-D", s.data,
		"-c", "listen_addresses=*",
		"-c", "unix_socket_directories=/run/postgresql",
		"-c", "jit=off", // its library is not in the image
		"-c", "shared_buffers=32MB",
		"-c", "max_connections=50",
	}
	return fmt.Errorf("start %s: %w", server, syscall.Exec(server, args, os.Environ()))
}

// create makes the cluster in a directory beside its own and moves it there
// when it is whole, so that one broken off by a crash is never served.
func (s settings) create(bin string) error {
	part := s.data + ".new"
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	secret, err := os.CreateTemp("", "password-*")
	if err != nil {
		return err
	}
	defer os.Remove(secret.Name())
	if _, err := secret.WriteString(s.password + "\n"); err != nil {
		return err
	}
	if err := secret.Close(); err != nil {
		return err
	}
	err = run("", filepath.Join(bin, "initdb"), "--pgdata", part, "--username", s.user, "--pwfile", secret.Name(),
		"--encoding", "UTF8", "--locale", "C.UTF-8", "--auth-local", "trust", "--auth-host", "scram-sha-256")
	if err != nil {
		return err
	}
	if s.database != "postgres" {
		sql := fmt.Sprintf("CREATE DATABASE \"%s\" OWNER \"%s\";\n", s.database, s.user)
		if err := run(sql, filepath.Join(bin, "postgres"), "--single", "-j", "-D", part, "-c", "jit=off", "postgres"); err != nil {
			return err
		}
	}
	if err := appendLine(filepath.Join(part, "pg_hba.conf"), "host all all all scram-sha-256"); err != nil {
		return err
	}
	return os.Rename(part, s.data)
}

func ready() error {
	bin, err := binaries("/usr/lib/postgresql")
	if err != nil {
		return err
	}
	return run("", filepath.Join(bin, "pg_isready"), "--quiet", "--host", "/run/postgresql")
}

// binaries finds the programs of the newest installed version: Debian puts
// each version into its own directory.
func binaries(root string) (string, error) {
	found, err := filepath.Glob(filepath.Join(root, "*", "bin", "initdb"))
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return "", fmt.Errorf("no PostgreSQL server below %s: install Debian's package postgresql", root)
	}
	return filepath.Dir(slices.Max(found)), nil
}

func run(stdin, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(name), err)
	}
	return nil
}

func appendLine(name, line string) error {
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line + "\n")
	return errors.Join(err, f.Close())
}
