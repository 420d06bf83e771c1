package doctor

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFormatRoundTrip(t *testing.T) {
	dir := t.TempDir()
	if format, err := ReadFormat(dir); format != nil || err != nil {
		t.Errorf("a new data directory: %v, %v", format, err)
	}
	if err := WriteFormat(dir, "0.1.0", "1.37.2"); err != nil {
		t.Fatal(err)
	}
	format, err := ReadFormat(dir)
	if err != nil || *format != (Format{CurrentFormat, "0.1.0", "1.37.2"}) {
		t.Errorf("read %+v, %v", format, err)
	}
	for _, damaged := range []string{"", "{", `{"format":0}`, "k8s"} {
		if err := os.WriteFile(filepath.Join(dir, formatFile), []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadFormat(dir); err == nil {
			t.Errorf("%q passes for a format", damaged)
		}
	}
}
