package facts

import "testing"

func TestClipErrorKeepsWhatWentWrong(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"short: enough", "short: enough"},
		{"failed to create containerd task: failed to create shim task: OCI runtime create failed: exec: \"/nosuch\": no such file",
			"failed to create containerd task: …: exec: \"/nosuch\": no such file"},
		{"one long sentence that has nothing to leave out between its beginning and its end", "one long sentence that has nothing to leave out between its beg…"},
	} {
		n := 63
		if got := clipError(c.in, n); got != c.want {
			t.Errorf("clipError(%q, %d) = %q, want %q", c.in, n, got, c.want)
		}
	}
}
