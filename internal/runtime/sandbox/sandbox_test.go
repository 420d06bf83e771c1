package sandbox

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"
)

func TestProgramIsAnExecutableELF(t *testing.T) {
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		program, err := Program(arch)
		if err != nil {
			t.Fatal(err)
		}
		if len(program) > 400 {
			t.Errorf("%s: %d bytes", arch, len(program))
		}
		file, err := elf.NewFile(bytes.NewReader(program))
		if err != nil {
			t.Fatalf("%s: %v", arch, err)
		}
		if file.Machine != machine || file.Type != elf.ET_EXEC || len(file.Progs) != 1 {
			t.Errorf("%s: %+v", arch, file.FileHeader)
		}
		segment := file.Progs[0]
		if segment.Flags != elf.PF_R|elf.PF_X || segment.Filesz != uint64(len(program)) {
			t.Errorf("%s: segment %+v of %d bytes", arch, segment.ProgHeader, len(program))
		}
		if file.Entry <= segment.Vaddr || file.Entry >= segment.Vaddr+segment.Filesz {
			t.Errorf("%s: entry %#x is outside of the segment", arch, file.Entry)
		}
	}
	if _, err := Program("mips"); err == nil {
		t.Error("an architecture without a table gave a program")
	}
}

// The words below were checked with `go tool objdump` for arm64.
func TestArm64Encoding(t *testing.T) {
	words := func(code []byte) (words []uint32) {
		for ; len(code) > 0; code = code[4:] {
			words = append(words, binary.LittleEndian.Uint32(code))
		}
		return words
	}
	for _, tc := range []struct {
		name string
		code []byte
		want []uint32
	}{
		{"exit_group(0)", arm64Call(94, 0), []uint32{0x52800000, 0x72a00000, 0x52800bc8, 0x72a00008, 0xd4000001}},
		{"mov w1, #0x400078", arm64Move(nil, 1, 0x400078), []uint32{0x52800f01, 0x72a00801}},
		{"tbnz w0, #31, .-8", arm64BackIfNegative(8), []uint32{0x37ffffc0}},
	} {
		got := words(tc.code)
		if len(got) != len(tc.want) {
			t.Fatalf("%s: %#x, want %#x", tc.name, got, tc.want)
		}
		for i := range got {
			if got[i] != tc.want[i] {
				t.Errorf("%s: %#x, want %#x", tc.name, got, tc.want)
				break
			}
		}
	}
}

func startProgram(t *testing.T, attributes *syscall.SysProcAttr) *exec.Cmd {
	t.Helper()
	program, err := Program(runtime.GOARCH)
	if err != nil {
		t.Skip(err)
	}
	path := filepath.Join(t.TempDir(), "pause")
	if err := os.WriteFile(path, program, 0o755); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(path)
	command.SysProcAttr = attributes
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Process.Kill() })
	return command
}

// status returns a field of the process' status as the kernel shows it.
func status(t *testing.T, pid int, field string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range bytes.Split(data, []byte("\n")) {
		if name, value, ok := bytes.Cut(line, []byte(":")); ok && string(name) == field {
			return string(bytes.TrimSpace(value))
		}
	}
	return ""
}

func TestProgramWaitsAndExitsOnTerm(t *testing.T) {
	for name, attributes := range map[string]*syscall.SysProcAttr{
		"any process":              nil,
		"first of a PID namespace": {Cloneflags: syscall.CLONE_NEWPID},
	} {
		if attributes != nil && os.Geteuid() != 0 {
			t.Logf("%s: skipped, a PID namespace needs root", name)
			continue
		}
		for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
			command := startProgram(t, attributes)
			// Its set-up is over once it ignores SIGCHLD. (While it waits, Linux
			// shows the signals that it waits for as not blocked.)
			deadline := time.Now().Add(5 * time.Second)
			for status(t, command.Process.Pid, "SigIgn") != "0000000000010000" {
				if time.Now().After(deadline) {
					t.Fatalf("%s: ignores %s, want SIGCHLD", name, status(t, command.Process.Pid, "SigIgn"))
				}
				time.Sleep(time.Millisecond)
			}
			if err := command.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if err := command.Wait(); err != nil {
				t.Errorf("%s: after %v: %v, want exit code 0", name, signal, err)
			}
		}
	}
}

func TestImageNeverChanges(t *testing.T) {
	for arch, want := range map[string]string{
		"amd64": "sha256:329c73bd202700db2f946df0b5da69ec76b44f27b63671c342718cac4fd06639",
		"arm64": "sha256:ba3ffc070768f6fc0b09a94952a0b13f3c309a70cd9100b1c4d69637539b00cf",
	} {
		image, err := Assemble(arch)
		if err != nil {
			t.Fatal(err)
		}
		if got := image.Manifest.Descriptor.Digest.String(); got != want {
			t.Errorf("%s: digest %s, want %s: nodes would unpack it again", arch, got, want)
		}
	}
}
