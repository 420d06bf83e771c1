package journal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

const childDir = "JOURNAL_TEST_DIR"

// childWrites is the program that TestKill ends: it writes and says how many
// records are safe.
func childWrites() bool {
	dir := os.Getenv(childDir)
	if dir == "" {
		return false
	}
	j, err := Open(dir, small)
	if err != nil {
		panic(err)
	}
	for i := 1; ; i++ {
		if err := j.Append(numbered(i)); err != nil {
			panic(err)
		}
		if i%100 == 0 {
			if err := j.Sync(context.Background()); err != nil {
				panic(err)
			}
			fmt.Println(i)
		}
	}
}

func numbered(i int) record.Record {
	return record.Record{
		Time: begin.Add(time.Duration(i) * time.Millisecond), Object: record.Ref{Kind: "Pod", Name: strconv.Itoa(i % 7)},
		Payload: &record.Exit{Code: i},
	}
}

// numbers is the codes that are in the journal.
func numbers(t *testing.T, j *Journal) (codes []int, damage error) {
	t.Helper()
	for r, err := range j.Query(t.Context(), Filter{}) {
		if err != nil {
			damage = err
			continue
		}
		if e, ok := r.Payload.(*record.Exit); ok {
			codes = append(codes, e.Code)
		}
	}
	return codes, damage
}

func TestKill(t *testing.T) {
	dir := t.TempDir()
	for _, after := range []int{300, 2500, 6100} { // within the first log; among segments
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childDir+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		safe := 0
		for safe < after && lines.Scan() {
			if safe, err = strconv.Atoi(lines.Text()); err != nil {
				t.Fatal(err)
			}
		}
		cmd.Process.Kill() // Wait says how it ended
		for lines.Scan() {
			safe, _ = strconv.Atoi(lines.Text())
		}
		cmd.Wait() // it was killed
		if safe < after {
			t.Fatalf("the child ended by itself at %d", safe)
		}
		j, err := Open(dir, small)
		if err != nil {
			t.Fatal(err)
		}
		codes, err := numbers(t, j)
		if err != nil {
			t.Error(err)
		}
		// What is there after safe was written but not yet acknowledged.
		if len(codes) < safe || !slices.Equal(codes, upTo(len(codes))) {
			t.Errorf("%d records, want at least %d, without gap", len(codes), safe)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
}

func upTo(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i + 1
	}
	return list
}

// filled writes n numbered records and closes the journal.
func filled(t *testing.T, dir string, n, segments int) {
	t.Helper()
	j := open(t, dir, small)
	for i := 1; i <= n; i++ {
		if err := j.Append(numbered(i)); err != nil {
			t.Fatal(err)
		}
		if i%100 == 0 {
			syncAll(t, j)
		}
	}
	syncAll(t, j)
	waitSegments(t, j, segments)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func only(t *testing.T, dir, pattern string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no %s: %v", pattern, err)
	}
	return files[0]
}

func change(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(data), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestDamage(t *testing.T) {
	flip := func(at func(n int) int) func([]byte) []byte {
		return func(d []byte) []byte { d[at(len(d))] ^= 0x55; return d }
	}
	for name, c := range map[string]struct {
		n, segments int
		file        string
		change      func([]byte) []byte
		least       int  // records that are left
		atQuery     bool // found only when read
	}{
		"half a frame at the log's end":  {1000, 0, "*.wal", func(d []byte) []byte { return d[:len(d)-7] }, 900, false},
		"zeros behind the log":           {1000, 0, "*.wal", func(d []byte) []byte { return append(d, make([]byte, 5000)...) }, 1000, false},
		"within the log":                 {1000, 0, "*.wal", flip(func(n int) int { return n / 2 }), 900, false},
		"a block in a segment":           {2000, 1, "*.seg", flip(func(int) int { return 200 }), 2000 - blockRecords, true},
		"a segment's postings and index": {2000, 1, "*.seg", flip(func(n int) int { return n - 60 }), 2000, false},
		"a segment's end":                {2000, 1, "*.seg", func(d []byte) []byte { return d[:len(d)-3] }, 2000, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			filled(t, dir, c.n, c.segments)
			change(t, only(t, dir, c.file), c.change)
			var reported []*Damage
			opts := small
			opts.OnDamage = func(d *Damage) { reported = append(reported, d) }
			j := open(t, dir, opts)
			codes, err := numbers(t, j)
			var d *Damage
			if errors.As(err, &d) != c.atQuery {
				t.Errorf("the query says %v", err)
			}
			if len(reported) == 0 || j.Stats().Damaged != len(reported) {
				t.Errorf("reported: %v, stats: %+v", reported, j.Stats())
			}
			if len(codes) < c.least || len(codes) > c.n {
				t.Errorf("%d records are left, want at least %d", len(codes), c.least)
			}
			if err := j.Append(numbered(c.n + 1)); err != nil {
				t.Fatal(err)
			}
			syncAll(t, j)
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			again, _ := numbers(t, open(t, dir, small))
			if !reflect.DeepEqual(again, append(codes, c.n+1)) {
				t.Errorf("%d records when opened again, want %d", len(again), len(codes)+1)
			}
		})
	}
}

func TestDamagedPostings(t *testing.T) {
	dir := t.TempDir()
	filled(t, dir, 2000, 1)
	j := open(t, dir, small)
	at := j.segments[0].Postings + 3
	change(t, j.segments[0].path, func(d []byte) []byte { d[at] ^= 1; return d })
	if got := len(ask(t, j, Filter{Object: record.Ref{Kind: "Pod", Name: "3"}})); got < 285 {
		t.Errorf("%d records, want 285 or 286", got)
	}
	if j.Stats().Damaged == 0 {
		t.Error("the damage was not reported")
	}
}

func TestFullDisk(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting a small disk takes root")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=512k"); err != nil {
		t.Skipf("mount a small disk: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, 0) }) // the test is over
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 300<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	opts := small
	opts.Queue = 5000
	j, err := Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	taken := map[int]bool{}
	i := 0
	until := func(what string, done func(err error) bool) {
		t.Helper()
		for range 200_000 {
			i++
			err := j.Append(numbered(i))
			if err == nil {
				taken[i] = true
			}
			if done(err) {
				return
			}
			if i%200 == 0 || err != nil {
				time.Sleep(time.Millisecond)
			}
		}
		t.Fatalf("%s: not after %d records", what, i)
	}
	until("the journal says that the disk is full", func(err error) bool {
		return errors.Is(err, ErrQueueFull) && errors.Is(err, syscall.ENOSPC)
	})
	if err := j.Health(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("health is %v", err)
	}
	if codes, err := numbers(t, j); err != nil || len(codes) == 0 {
		t.Errorf("while the disk is full: %d records, %v", len(codes), err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	until("the journal writes again", func(err error) bool { return err == nil && j.Health() == nil })
	syncAll(t, j)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	codes, err := numbers(t, again)
	if err != nil || again.Stats().Damaged != 0 {
		t.Errorf("damaged: %v, %+v", err, again.Stats())
	}
	for _, c := range codes {
		delete(taken, c)
	}
	if len(taken) > 0 {
		t.Errorf("%d records that were taken are not there", len(taken))
	}
}

// What a failed fsync leaves in doubt is written anew from memory.
func TestRewrite(t *testing.T) {
	dir := t.TempDir()
	filled(t, dir, 1500, 0)
	j := open(t, dir, small)
	w := newWriter(j) // j's own has nothing to do
	if err := w.rewrite(); err != nil {
		t.Fatal(err)
	}
	raw, kept := w.encode([]record.Record{numbered(1501)})
	if err := w.write(raw); err != nil || len(kept) != 1 {
		t.Fatal(err)
	}
	w.file.Close()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if codes, err := numbers(t, open(t, dir, small)); err != nil || !slices.Equal(codes, upTo(1501)) {
		t.Errorf("%d records, %v; want 1501", len(codes), err)
	}
}

func FuzzReadFiles(f *testing.F) {
	c, err := newCodec()
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(c.close)
	x := index{Types: []record.Type{record.TypeExit}, Blocks: []blockInfo{{Length: 9, Records: 2, Types: 1, Newest: 5}}, Entries: 1, Pages: []page{{First: 7}}}
	f.Add(x.encode())
	f.Add(appendFrame(appendFrame(nil, c.fast, []byte("one")), c.fast, []byte("two")))
	f.Fuzz(func(t *testing.T, data []byte) {
		if x, err := decodeIndex(data); err == nil && len(x.Pages) > len(data) {
			t.Fatal("an index of more pages than it has bytes")
		}
		frames, damaged := 0, int64(0)
		end := c.scan(data, func([]byte) { frames++ }, func(_, n int64) { damaged += n })
		if end > int64(len(data)) || frames == 0 && damaged != int64(len(data)) {
			t.Fatalf("%d frames, %d of %d bytes damaged", frames, damaged, len(data))
		}
	})
}
