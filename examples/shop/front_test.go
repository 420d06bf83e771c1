//go:build unix

package shop

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// startFront runs the front against an API and returns its address. How it
// ends is sent to the channel.
func startFront(t *testing.T, api string) (string, *os.Process, <-chan error) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("needs Node.js: apt-get install nodejs: ", err)
	}
	cmd := exec.Command(node, "front/server.js")
	cmd.Env = append(os.Environ(), "PORT=0", "API_URL="+api, "DRAIN_MILLIS=300")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	lines := bufio.NewReader(out)
	line, err := lines.ReadBytes('\n')
	if err != nil {
		t.Fatalf("the front ended before it listened: %v", err)
	}
	var hello struct{ Port int }
	if err := json.Unmarshal(line, &hello); err != nil || hello.Port == 0 {
		t.Fatalf("the front said %s (%v), want the port", line, err)
	}
	ended := make(chan error, 1)
	go func() {
		_, _ = io.Copy(io.Discard, lines)
		ended <- cmd.Wait()
	}()
	return fmt.Sprintf("http://127.0.0.1:%d", hello.Port), cmd.Process, ended
}

func get(t *testing.T, address string) (int, string) {
	t.Helper()
	res, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func TestFrontShowsWhatTheAPIHas(t *testing.T) {
	var ordered atomic.Value
	mux := http.NewServeMux()
	mux.HandleFunc("GET /products", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `[{"id":1,"name":"Rope <b>","priceCents":1250,"stock":3}]`)
	})
	mux.HandleFunc("GET /orders", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `[]`) })
	mux.HandleFunc("GET /restocks", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `[{"id":1,"products":2,"items":30,"created":"2026-01-02T03:04:05Z"}]`)
	})
	mux.HandleFunc("POST /orders", func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		ordered.Store(string(b))
		if strings.Contains(string(b), `"productId":2`) {
			w.WriteHeader(http.StatusConflict)
			io.WriteString(w, `{"error":"not enough in stock"}`)
			return
		}
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, `{}`)
	})
	api := httptest.NewServer(mux)
	defer api.Close()
	front, _, _ := startFront(t, api.URL)

	for path, want := range map[string][]string{
		"/":         {"Rope &lt;b&gt;", "€ 12.50", "30 items of 2 products"},
		"/api/shop": {`"name":"Rope <b>"`, `"servedBy":`},
		"/healthz":  {"ok"},
		"/startupz": {"ok"},
		"/readyz":   {"ok"},
	} {
		status, body := get(t, front+path)
		if status != http.StatusOK {
			t.Errorf("%s answered %d", path, status)
		}
		for _, w := range want {
			if !strings.Contains(body, w) {
				t.Errorf("%s lacks %q:\n%s", path, w, body)
			}
		}
	}
	if status, _ := get(t, front+"/nothing"); status != http.StatusNotFound {
		t.Errorf("an unknown path answered %d", status)
	}

	noRedirect := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := noRedirect.PostForm(front+"/order", url.Values{"product": {"1"}})
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusSeeOther || ordered.Load() != `{"productId":1,"quantity":1}` {
		t.Errorf("an order answered %d and sent %v", res.StatusCode, ordered.Load())
	}
	res, err = noRedirect.PostForm(front+"/order", url.Values{"product": {"2"}})
	if err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(res.Body)
	res.Body.Close()
	if res.StatusCode != http.StatusConflict || !strings.Contains(string(b), "not enough in stock") {
		t.Errorf("an order that cannot be had answered %d: %s", res.StatusCode, b)
	}
}

func TestFrontWithoutAPIIsAliveButNotReady(t *testing.T) {
	// Port 1 of the loopback has no listener.
	front, _, _ := startFront(t, "http://127.0.0.1:1")
	if status, _ := get(t, front+"/healthz"); status != http.StatusOK {
		t.Errorf("liveness is %d; a restart would not bring the API back", status)
	}
	if status, _ := get(t, front+"/readyz"); status != http.StatusBadGateway {
		t.Errorf("readiness is %d, want 502", status)
	}
}

func TestFrontDrainsBeforeItEnds(t *testing.T) {
	front, process, ended := startFront(t, "http://127.0.0.1:1")
	if err := process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	deadline := time.After(10 * time.Second)
	for status := 0; status != http.StatusServiceUnavailable; {
		res, err := http.Get(front + "/readyz")
		if err != nil {
			t.Fatalf("refused while it should drain: %v", err)
		}
		status = res.StatusCode
		res.Body.Close()
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("ended with %v, want status 0", err)
		}
	case <-deadline:
		t.Error("still there 10 s after SIGTERM")
	}
}
