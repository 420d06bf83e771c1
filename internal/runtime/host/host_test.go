package host

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-k8s/bulkhead/internal/runtime/netfilter"
)

func sysctlTree(t *testing.T, values map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, value := range values {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(value+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func read(t *testing.T, root, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(data))
}

func TestSysctlsAreSetAndRestored(t *testing.T) {
	root := sysctlTree(t, map[string]string{
		"net/ipv4/ip_forward":           "0",
		"fs/inotify/max_user_instances": "128",
		"fs/inotify/max_user_watches":   "9999999",
		"vm/overcommit_memory":          "1",
		"kernel/panic":                  "0",
	})
	record := &Record{Sysctls: map[string]Change{}}
	if err := record.set(root, sysctls); err != nil {
		t.Fatal(err)
	}
	if err := record.set(root, sysctls); err != nil { // the next start
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"net/ipv4/ip_forward":           "1",
		"fs/inotify/max_user_instances": "8192",
		"fs/inotify/max_user_watches":   "9999999",
		"kernel/panic":                  "10",
	} {
		if got := read(t, root, name); got != want {
			t.Errorf("%s = %s, want %s", name, got, want)
		}
	}
	// Somebody changes one after us: it is theirs now.
	if err := os.WriteFile(filepath.Join(root, "kernel/panic"), []byte("30"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, want := record.changed(root), []string{"fs.inotify.max_user_instances", "net.ipv4.ip_forward"}; !slices.Equal(got, want) {
		t.Errorf("changed = %v, want %v", got, want)
	}
	if err := record.restore(root); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"net/ipv4/ip_forward":           "0",
		"fs/inotify/max_user_instances": "128",
		"kernel/panic":                  "30",
		"vm/overcommit_memory":          "1",
	} {
		if got := read(t, root, name); got != want {
			t.Errorf("restored %s = %s, want %s", name, got, want)
		}
	}
}

func TestNeededSysctlThatCannotBeSet(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "net/ipv4/ip_forward"), 0o755); err != nil { // a directory cannot be read
		t.Fatal(err)
	}
	err := (&Record{}).set(root, sysctls)
	if err == nil || !strings.Contains(err.Error(), "net.ipv4.ip_forward to 1") {
		t.Errorf("error = %v, want one that names the setting", err)
	}
}

func TestRecordHoldsForThisBootAndNamespaceOnly(t *testing.T) {
	now, err := here()
	if err != nil {
		t.Fatal(err)
	}
	now.Tables = []netfilter.Table{{Family: "ip", Name: "kube-proxy"}}
	path := filepath.Join(t.TempDir(), "host.json")
	for _, tc := range []struct {
		name   string
		change func(r *Record)
		raw    string
		holds  bool
	}{
		{name: "same", change: func(*Record) {}, holds: true},
		{name: "another boot", change: func(r *Record) { r.BootID = "x" }},
		{name: "another network namespace", change: func(r *Record) { r.NetNS++ }},
		{name: "torn", raw: `{"bootID": "`},
	} {
		data := []byte(tc.raw)
		if tc.change != nil {
			changed := *now
			tc.change(&changed)
			if data, err = json.Marshal(changed); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		record, err := Load(path)
		if err != nil || (record != nil) != tc.holds {
			t.Errorf("%s: loaded %+v, %v", tc.name, record, err)
		}
		if tc.holds && !slices.Equal(record.Tables, now.Tables) {
			t.Errorf("%s: tables %v were lost", tc.name, record.Tables)
		}
	}
	if record, err := Load(path + ".missing"); record != nil || err != nil {
		t.Errorf("missing: %+v, %v", record, err)
	}
}
