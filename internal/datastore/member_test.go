package datastore

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

func TestMemberKeepsItsDataAcrossStops(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	o := Options{Dir: filepath.Join(t.TempDir(), "main"), Socket: filepath.Join(t.TempDir(), "etcd.sock")}

	first := start(ctx, t, o)
	client := connect(t, first)
	if _, err := client.Put(ctx, "/key", "value"); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(o.Socket)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 {
		t.Errorf("socket has mode %o: others could read every Secret", mode)
	}
	first.Stop()

	// As after a crash: the socket's file is there but nobody listens.
	if err := os.WriteFile(o.Socket, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	second := start(ctx, t, o)
	defer second.Stop()
	got, err := connect(t, second).Get(ctx, "/key")
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Kvs) != 1 || string(got.Kvs[0].Value) != "value" {
		t.Errorf("after a restart /key = %v, want value", got.Kvs)
	}
}

func TestStartNamesTheFolderThatItCannotUse(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Start(context.Background(), Options{Dir: filepath.Join(file, "etcd"), Socket: filepath.Join(t.TempDir(), "s")})
	if err == nil {
		t.Fatal("started below a file")
	}
}

func start(ctx context.Context, t *testing.T, o Options) *Member {
	t.Helper()
	m, err := Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func connect(t *testing.T, m *Member) *clientv3.Client {
	t.Helper()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{m.Endpoint()}, DialTimeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}
