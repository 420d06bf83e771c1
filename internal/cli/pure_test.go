package cli

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/stages"
)

func TestLastError(t *testing.T) {
	for _, tc := range []struct{ name, log, want string }{
		{"main's own", "I1124 08:00:00.000001   1 a.go:1] x\nbulkheadd: listen: port 6443 is in use\n", "listen: port 6443 is in use"},
		{"several reasons", "bulkheadd: ports: 6443 taken\nclock: it is 1970\n", "ports: 6443 taken\nclock: it is 1970"},
		{"panic", "E1124 08:00:00.000001   1 a.go:1] bad\npanic: nil map\n\ngoroutine 1 [running]:\n", "panic: nil map"},
		{"klog", "E1124 08:00:00.000001   77 a.go:1] first\nF1124 08:00:00.000002   77 b.go:22] last word\nI1124 08:00:00.000003   77 c.go:1] after\n", "last word"},
		{"anything", "hello\n\n", "hello"},
		{"nothing", "", ""},
	} {
		if got := lastError(tc.log); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestTraceKeepsOverlappingStagesApart(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(1_000_000 + int64(ms)) }
	file := traceOf([]stages.Stage{
		{Name: "b", Started: at(10), Finished: at(30)},
		{Name: "a", Started: at(0), Finished: at(20), Error: "no"},
		{Name: "c", Started: at(20), Finished: at(25)},
	})
	var got []string
	for _, event := range file.Events {
		got = append(got, event.Name)
		if event.Phase != "X" {
			t.Errorf("%s is no complete event: %q", event.Name, event.Phase)
		}
	}
	if strings.Join(got, "") != "abc" {
		t.Fatalf("order %q", got)
	}
	a, b, c := file.Events[0], file.Events[1], file.Events[2]
	if a.Thread == b.Thread || b.Thread == c.Thread || a.Thread != c.Thread {
		t.Errorf("threads %d %d %d: overlapping ones share one, or a free one is not used again", a.Thread, b.Thread, c.Thread)
	}
	if a.Start != 0 || b.Start != 10_000 || b.Duration != 20_000 || a.Args["error"] != "no" {
		t.Errorf("times or error are lost: %+v", file.Events)
	}
	if len(traceOf(nil).Events) != 0 {
		t.Error("no stages, yet events")
	}
}

func TestConfirmTakesOnlyYes(t *testing.T) {
	for answer, want := range map[string]bool{"y\n": true, "YES\n": true, "yes": true, "n\n": false, "\n": false, "": false, "yeah\n": false} {
		a := &app{in: strings.NewReader(answer), errOut: io.Discard}
		if got := a.confirm("?"); got != want {
			t.Errorf("answer %q means %v", answer, got)
		}
	}
}

func TestSplitKubectl(t *testing.T) {
	for _, tc := range []struct{ args, own, rest string }{
		{"get pods", "", "get pods"},
		{"-d /x get -d y", "-d /x", "get -d y"},
		{"--data-dir=/x --config c get", "--data-dir=/x --config c", "get"},
		{"get --data-dir=/x", "", "get --data-dir=/x"},
	} {
		own, rest, err := splitKubectl(strings.Fields(tc.args))
		if err != nil || strings.Join(own, " ") != tc.own || strings.Join(rest, " ") != tc.rest {
			t.Errorf("%q: %q and %q, %v", tc.args, own, rest, err)
		}
	}
	if givesKubeconfig([]string{"exec", "p", "--", "x", "--kubeconfig"}) {
		t.Error("what follows -- is another program's")
	}
}

func TestNames(t *testing.T) {
	for path, want := range map[string]string{
		"/usr/bin/bulkhead": "bulkhead", "kubectl-bulkhead": "kubectl bulkhead", "./kubectl-bulkhead.exe": "kubectl bulkhead",
	} {
		if got := programName(path); got != want {
			t.Errorf("called as %s it is %q", path, got)
		}
	}
	usual := config.Default().DataDir
	for dir, want := range map[string]string{
		usual: "bulkhead", "/tmp/Two Words": "bulkhead-two-words", "/x/bulkhead": "bulkhead", "/x/bulkhead-dev": "bulkhead-dev", "/": "bulkhead",
	} {
		if got := clusterName(&config.Config{DataDir: dir}); got != want {
			t.Errorf("cluster of %s is called %q, want %q", dir, got, want)
		}
	}
}

func TestQuoteUnitWord(t *testing.T) {
	for word, want := range map[string]string{
		"--data-dir=/var/lib/bulkhead": "--data-dir=/var/lib/bulkhead",
		"a b":                          `"a b"`,
		`50%$x"\`:                      `"50%%$$x\"\\"`,
		"":                             `""`,
	} {
		if got := quoteUnitWord(word); got != want {
			t.Errorf("%q is written %s, want %s", word, got, want)
		}
	}
}

func TestCSVField(t *testing.T) {
	c := config.Default()
	flags := flagSet(c)
	if err := flags.Parse([]string{"--node-label=" + csvField(`a="x,y"`), "--node-label=b"}); err != nil {
		t.Fatal(err)
	}
	if len(c.NodeLabels) != 2 || c.NodeLabels[0] != `a="x,y"` {
		t.Errorf("labels %q", c.NodeLabels)
	}
}
