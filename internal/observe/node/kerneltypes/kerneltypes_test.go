package kerneltypes

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"github.com/cilium/ebpf/btf"
)

// TestAgainstLibrary compares with what cilium/ebpf reads of this kernel.
func TestAgainstLibrary(t *testing.T) {
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		t.Skipf("the kernel does not describe itself: %v", err)
	}
	names := []string{"task_struct", "signal_struct", "css_set", "cgroup", "kernfs_node", "pid", "upid", "cgroup_subsys_id", "skb_drop_reason"}
	types, err := Load(names...)
	if err != nil {
		t.Fatal(err)
	}
	fields := 0
	for _, name := range names[:7] {
		var s *btf.Struct
		if err := spec.TypeByName(name, &s); err != nil {
			t.Fatal(err)
		}
		if size, err := types.Size(name); err != nil || size != int32(s.Size) {
			t.Errorf("%s has %d bytes, not %d (%v)", name, s.Size, size, err)
		}
		for _, m := range s.Members {
			if m.Name == "" || m.BitfieldSize > 0 {
				continue
			}
			fields++
			if offset, err := types.Offset(name, m.Name); err != nil || offset != int32(m.Offset.Bytes()) {
				t.Errorf("%s.%s is at %d, not %d (%v)", name, m.Name, m.Offset.Bytes(), offset, err)
			}
		}
	}
	if fields < 100 {
		t.Errorf("only %d fields were compared", fields)
	}
	for _, name := range names[7:] {
		var e *btf.Enum
		if err := spec.TypeByName(name, &e); err != nil {
			t.Fatal(err)
		}
		for _, v := range e.Values {
			if got, err := types.Value(name, v.Name); err != nil || got != int32(v.Value) {
				t.Errorf("%s is %d, not %d (%v)", v.Name, v.Value, got, err)
			}
		}
	}
	if _, err := types.Offset("task_struct", "no_such_field"); err == nil {
		t.Error("a field that is not there has an offset")
	}
}

func BenchmarkLoad(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Load("task_struct", "css_set"); errors.Is(err, fs.ErrNotExist) {
			b.Skip(err)
		} else if err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzParse(f *testing.F) {
	if raw, err := os.ReadFile(path); err == nil {
		f.Add(raw[:64])
	}
	f.Add([]byte{0x9f, 0xeb, 1, 0, 24, 0, 0, 0, 0, 0, 0, 0, 12, 0, 0, 0, 12, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 4, 8, 0, 0, 0, 'a', 0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		types, err := parse(raw, []string{"a"})
		if err == nil {
			_, _ = types.Offset("a", "b")
		}
	})
}
