package kubeconfig

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func entry() Entry {
	return Entry{
		Name: "bulkhead", Server: "https://192.0.2.1:6443", CertificateAuthorityData: "Q0E=",
		ClientCertificate: "/d/admin.pem", ClientKey: "/d/admin.pem", Owner: "/d",
	}
}

const others = `# my clusters
apiVersion: v1
kind: Config
clusters:
- name: work # keep away
  cluster:
    server: https://work.example
contexts:
- name: work
  context: {cluster: work, user: me}
current-context: work
users:
- name: me
  user:
    token: "123"
preferences: {}
`

func TestMergeKeepsOthersAndRemoveTakesOursAlone(t *testing.T) {
	merged, err := merge([]byte(others), entry())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# my clusters", "name: work # keep away", `token: "123"`, "context: {cluster: work, user: me}",
		"current-context: bulkhead", "server: https://192.0.2.1:6443", "client-certificate: /d/admin.pem", "data-dir: /d"} {
		if !strings.Contains(string(merged), want) {
			t.Errorf("merged file lacks %q:\n%s", want, merged)
		}
	}
	again, err := merge(merged, entry())
	if err != nil || string(again) != string(merged) {
		t.Errorf("a second merge changes the file (%v):\n%s", err, again)
	}
	removed, contexts, err := remove(merged, "/d")
	if err != nil || len(contexts) != 1 || contexts[0] != "bulkhead" {
		t.Fatalf("removed %q, %v", contexts, err)
	}
	if strings.Contains(string(removed), "bulkhead") || !strings.Contains(string(removed), "https://work.example") || !strings.Contains(string(removed), `current-context: ""`) {
		t.Errorf("after removal:\n%s", removed)
	}
	if _, contexts, _ := remove(merged, "/elsewhere"); contexts != nil {
		t.Errorf("another data directory's removal took %q", contexts)
	}
}

func TestMergeIntoOddFiles(t *testing.T) {
	for name, data := range map[string]string{
		"missing":  "",
		"comment":  "# nothing yet\n",
		"null":     "null\n",
		"kubectl":  "apiVersion: v1\nclusters: null\ncontexts: null\ncurrent-context: \"\"\nkind: Config\npreferences: {}\nusers: null\n",
		"empty":    "clusters: []\nusers: []\ncontexts: []\n",
		"json":     `{"apiVersion":"v1","kind":"Config","clusters":[{"name":"a","cluster":{"server":"https://a"}}]}`,
		"nonsense": "clusters: {a: b}\n",
	} {
		merged, err := merge([]byte(data), entry())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		path := filepath.Join(t.TempDir(), "config")
		if err := os.WriteFile(path, merged, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := Read(path); err != nil || got.Server != entry().Server {
			t.Errorf("%s: read back %+v, %v from\n%s", name, got, err, merged)
		}
	}
}

func TestForeignEntriesAreLeftAlone(t *testing.T) {
	for _, foreign := range []string{
		"clusters:\n- name: bulkhead\n  cluster: {server: https://x}\n",
		"users:\n- name: bulkhead\n  user: {token: x}\n",
		"contexts:\n- name: bulkhead\n  context: {cluster: x, user: x, extensions: [{name: bulkhead.dev, extension: {data-dir: /other}}]}\n",
	} {
		path := filepath.Join(t.TempDir(), "config")
		if err := os.WriteFile(path, []byte(foreign), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Merge(path, entry()); !errors.Is(err, ErrForeign) {
			t.Errorf("merge over %q: %v, want ErrForeign", foreign, err)
		}
		if after, _ := os.ReadFile(path); string(after) != foreign {
			t.Errorf("the file was changed to\n%s", after)
		}
	}
}

func TestFileIsReplacedWholeAndPrivate(t *testing.T) {
	dir := t.TempDir()
	real, link := filepath.Join(dir, "real"), filepath.Join(dir, "link")
	if err := os.WriteFile(real, []byte(others), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	if err := Merge(link, entry()); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(link)
	if err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the symbolic link was replaced: %v, %v", info, err)
	}
	info, err = os.Stat(real)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
	if found, err := Find(link, "/d"); err != nil || len(found) != 1 {
		t.Errorf("found %q, %v", found, err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("files left behind: %v, %v", left, err)
	}
}

func TestErrorsNameTheFileAndKeepIt(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken")
	if err := os.WriteFile(broken, []byte("clusters: [\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Merge(broken, entry()); err == nil || !strings.Contains(err.Error(), broken) {
		t.Errorf("merge into a broken file: %v", err)
	}
	if data, _ := os.ReadFile(broken); string(data) != "clusters: [\n" {
		t.Errorf("a broken file was changed: %q", data)
	}
	if contexts, err := Remove(filepath.Join(dir, "none"), "/d"); contexts != nil || err != nil {
		t.Errorf("remove from a missing file: %q, %v", contexts, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "none")); err == nil {
		t.Error("removing from a missing file made it")
	}
	locked := filepath.Join(dir, "locked")
	if err := os.WriteFile(locked+".lock", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Merge(locked, entry()); err == nil || !strings.Contains(err.Error(), locked+".lock") {
		t.Errorf("merge into a locked file: %v", err)
	}
}

func TestPathsAndTarget(t *testing.T) {
	t.Setenv("HOME", "/home/me")
	if paths, err := Paths(""); err != nil || len(paths) != 1 || paths[0] != "/home/me/.kube/config" {
		t.Errorf("default: %q, %v", paths, err)
	}
	dir := t.TempDir()
	existing := filepath.Join(dir, "b")
	if err := os.WriteFile(existing, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	paths, err := Paths(filepath.Join(dir, "a") + "::" + existing + ":" + filepath.Join(dir, "c"))
	if err != nil || len(paths) != 3 || Target(paths) != existing {
		t.Errorf("paths %q, %v; target %s", paths, err, Target(paths))
	}
	if got := Target([]string{filepath.Join(dir, "a"), filepath.Join(dir, "c")}); got != filepath.Join(dir, "c") {
		t.Errorf("none exists: target %s, want the last", got)
	}
}

func FuzzMerge(f *testing.F) {
	f.Add([]byte(others))
	f.Fuzz(func(t *testing.T, data []byte) {
		merged, err := merge(data, entry())
		if err != nil {
			return
		}
		if _, _, err := remove(merged, "/d"); err != nil {
			t.Errorf("what was merged cannot be removed: %v", err)
		}
	})
}
