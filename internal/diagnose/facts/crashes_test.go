package facts

import (
	"strings"
	"testing"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

func TestWhere(t *testing.T) {
	for want, stack := range map[string][]string{
		"inner, called by middle, called by main": {
			"0x7f8a16480eec (libc.so.6+0x8aeec)", "raise+0x12 (libc.so.6)", "abort+0xd3 (libc.so.6)",
			"inner+0x52 (crasher)", "middle+0x2a (crasher)", "main+0x47 (crasher)", "__libc_start_main+0x85 (libc.so.6)",
		},
		"inner at src/abort.c:9, called by main at src/abort.c:40": {
			"__pthread_kill_implementation.constprop.0+0x10b (crasher)", "raise+0x12 (crasher)", "abort+0xd3 (crasher)",
			"inner at src/abort.c:9 (crasher)", "main at src/abort.c:40 (crasher)",
		},
		"runtime.mapassign_faststr at maps/runtime_faststr.go:265, called by main.pour at crash/main.go:7, called by main.main at crash/main.go:11": {
			"runtime.raise at runtime/sys_linux_amd64.s:154 (crash)", "runtime.dieFromSignal at runtime/signal_unix.go:973 (crash)", "<signal handler called>",
			"runtime.raise at runtime/sys_linux_amd64.s:154 (crash)", "runtime.fatalpanic at runtime/signal_unix.go:1062 (crash)", "runtime.gopanic at runtime/panic.go:879 (crash)",
			"runtime.mapassign_faststr at maps/runtime_faststr.go:265 (crash)", "main.pour at crash/main.go:7 (crash)", "main.main at crash/main.go:11 (crash)",
		},
		"node::Abort, called by v8::internal::(anonymous namespace)::HandleApiCallHelper<false>, called by Builtins_InterpreterEntryTrampoline": {
			"abort+0xd3 (libc.so.6)", "node::Abort+0x2d (node)", "v8::internal::(anonymous namespace)::HandleApiCallHelper<false>+0x8d (node)",
			"Builtins_InterpreterEntryTrampoline+0xdc (node)", "Builtins_InterpreterEntryTrampoline+0xdc (node)",
		},
		"raise, called by abort":    {"raise+0x12 (libc.so.6)", "abort+0xd3 (libc.so.6)"},
		"a function without a name": {"0x6a (no code there)", "0x7f5f91aa324a (libc.so.6+0x2724a)"},
	} {
		if got := where(stack); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestCrashSignal(t *testing.T) {
	for _, c := range []struct {
		signal int
		stack  []string
		want   string
	}{
		{6, []string{"abort+0xd3 (libc.so.6)"}, "SIGABRT (it aborted itself)"},
		{11, []string{"abort+0x170 (libc.so.6)", "node::Abort+0x2d (node)"}, "SIGSEGV (it aborted itself: "},
		{11, []string{"inner+0x27 (crasher)", "abort+0x1 (crasher)"}, "SIGSEGV (invalid memory access)"},
		{11, nil, "SIGSEGV (invalid memory access)"},
	} {
		if got := crashSignal(model.Core{CoreDump: record.CoreDump{Signal: c.signal, Stack: c.stack}}); !strings.HasPrefix(got, c.want) {
			t.Errorf("signal %d in %q: got %q, want %q", c.signal, c.stack, got, c.want)
		}
	}
}
