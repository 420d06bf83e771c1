package inprocess

import (
	"bytes"
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve returns a client whose requests go to handler.
func serve(t *testing.T, handler http.HandlerFunc) (*http.Client, *Transport) {
	t.Helper()
	transport := New(func(name string) (*x509.Certificate, error) {
		if name == "nobody" {
			return nil, errors.New("no such certificate")
		}
		return &x509.Certificate{Subject: pkix.Name{CommonName: name}}, nil
	})
	t.Cleanup(transport.Close)
	transport.Serve(handler)
	return &http.Client{Transport: transport}, transport
}

func request(t *testing.T, ctx context.Context, method, url string, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// within fails the test unless f returns soon.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s: it did not come", what)
	}
}

func TestRequestAndAnswer(t *testing.T) {
	client, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		r.Header.Set("X-Sent", "changed by the handler")
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusCreated)
		w.Header().Set("X-Late", "after the header")
		fmt.Fprintf(w, "%s %s %s %s %d %s", r.Method, r.RequestURI, r.URL.Path, body, r.ContentLength, r.Host)
	})
	r := request(t, t.Context(), http.MethodPost, "bulkhead://server/a%2Fb?q=1", strings.NewReader("hello"))
	r.Header.Set("X-Sent", "by the client")
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if want := "POST /a%2Fb?q=1 /a/b hello 5 server"; err != nil || string(body) != want {
		t.Errorf("answer %q, %v; want %q", body, err, want)
	}
	if response.Status != "201 Created" || response.ContentLength != int64(len(body)) || response.Header.Get("X-Late") != "" {
		t.Errorf("status %q, length %d, header %v", response.Status, response.ContentLength, response.Header)
	}
	if r.Header.Get("X-Sent") != "by the client" {
		t.Error("the handler changed the client's request")
	}
}

func TestAnswersWithoutBody(t *testing.T) {
	client, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/none":
			w.WriteHeader(http.StatusNoContent)
			if _, err := w.Write([]byte("x")); !errors.Is(err, http.ErrBodyNotAllowed) {
				t.Errorf("a body was taken: %v", err)
			}
		case "/head":
			if n, err := w.Write([]byte("not sent")); n != 8 || err != nil {
				t.Errorf("write: %d, %v", n, err)
			}
		}
	})
	for _, test := range []struct {
		method, path string
		status       int
	}{{http.MethodGet, "/none", 204}, {http.MethodHead, "/head", 200}, {http.MethodGet, "/silent", 200}} {
		response, err := client.Do(request(t, t.Context(), test.method, "bulkhead://server"+test.path, nil))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if response.StatusCode != test.status || len(body) > 0 || err != nil {
			t.Errorf("%s: %s, %q, %v", test.path, response.Status, body, err)
		}
	}
}

func TestWhoAsks(t *testing.T) {
	client, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		name := ""
		if len(r.TLS.PeerCertificates) == 1 {
			name = r.TLS.PeerCertificates[0].Subject.CommonName
		}
		fmt.Fprintf(w, "%s|%s", name, r.Header.Get("Authorization"))
	})
	for _, test := range []struct{ url, token, want string }{
		{address("kubelet"), "", "kubelet|"},
		{"bulkhead://server/", "abc", "|Bearer abc"},
		{"bulkhead://server/", "", "|"},
		{address("kubelet"), "abc", "|Bearer abc"}, // a token is never beside a certificate
	} {
		r := request(t, t.Context(), http.MethodGet, test.url, nil)
		if test.token != "" {
			r.Header.Set("Authorization", "Bearer "+test.token)
		}
		response, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if string(body) != test.want {
			t.Errorf("%s with token %q is %q, want %q", test.url, test.token, body, test.want)
		}
	}
	if _, err := client.Do(request(t, t.Context(), http.MethodGet, address("nobody"), nil)); err == nil || !strings.Contains(err.Error(), "no such certificate") {
		t.Errorf("an unknown client: %v", err)
	}
}

func address(client string) string {
	return (&url.URL{Scheme: Scheme, User: User(client), Host: "server", Path: "/"}).String()
}

// Clients in this process follow redirects of servers that anybody may run.
func TestRedirectNamesNobody(t *testing.T) {
	client, _ := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the handler was called") })
	for _, user := range []string{"kubelet", "kubelet:", "kubelet:guessed"} {
		if _, err := client.Do(request(t, t.Context(), http.MethodGet, "bulkhead://"+user+"@server/", nil)); err == nil || !strings.Contains(err.Error(), "made in this process") {
			t.Errorf("%s: %v", user, err)
		}
	}
}

// A watch: events come one by one while the request is open.
func TestEventsComeWhileTheRequestIsOpen(t *testing.T) {
	events := make(chan string)
	client, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		for {
			select {
			case event := <-events:
				io.WriteString(w, event)
				w.(http.Flusher).Flush()
			case <-r.Context().Done():
				return
			}
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	response, err := client.Do(request(t, ctx, http.MethodGet, "bulkhead://server/watch", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.ContentLength != -1 {
		t.Errorf("length %d of what has no end", response.ContentLength)
	}
	for _, event := range []string{"one", "two", strings.Repeat("3", 3*keep)} {
		events <- event
		got := make([]byte, len(event))
		within(t, "event", func() {
			if _, err := io.ReadFull(response.Body, got); err != nil {
				t.Error(err)
			}
		})
		if string(got) != event {
			t.Errorf("event %q, want %q", got, event)
		}
	}
	go func() { time.Sleep(10 * time.Millisecond); cancel() }()
	within(t, "the end", func() {
		if _, err := response.Body.Read(make([]byte, 1)); !errors.Is(err, context.Canceled) {
			t.Errorf("read after the client gave up: %v", err)
		}
	})
}

func TestLargeBodies(t *testing.T) {
	large := bytes.Repeat([]byte("0123456789abcdef"), 4*writeAhead/16)
	client, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		for piece := range len(body) / 1000 { // in pieces that fit no buffer
			w.Write(body[piece*1000 : (piece+1)*1000])
		}
		w.Write(body[len(body)/1000*1000:])
	})
	response, err := client.Do(request(t, t.Context(), http.MethodPut, "bulkhead://server/", bytes.NewReader(large)))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	within(t, "the answer", func() {
		if got, err := io.ReadAll(response.Body); err != nil || !bytes.Equal(got, large) {
			t.Errorf("%d bytes came back, %v; want %d", len(got), err, len(large))
		}
	})
}

// Who reads no answer holds up its handler, and not this process's memory.
func TestHandlerWaitsForASlowReader(t *testing.T) {
	written := make(chan int, 1)
	client, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		n, err := w.Write(make([]byte, 2*writeAhead))
		if !errors.Is(err, errClosed) {
			t.Errorf("write for nobody: %v", err)
		}
		written <- n
	})
	response, err := client.Do(request(t, t.Context(), http.MethodGet, "bulkhead://server/", nil))
	if err != nil {
		t.Fatal(err)
	}
	select {
	case n := <-written:
		t.Fatalf("%d bytes were taken that nobody read", n)
	case <-time.After(20 * time.Millisecond):
	}
	response.Body.Close()
	within(t, "the handler's end", func() {
		if n := <-written; n != writeAhead {
			t.Errorf("%d bytes waited for the reader, want %d", n, writeAhead)
		}
	})
}

func TestCancelBeforeTheAnswer(t *testing.T) {
	told := make(chan bool, 1)
	client, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		gone := w.(http.CloseNotifier).CloseNotify() //nolint:staticcheck // upstream's wrappers ask for it
		<-r.Context().Done()
		told <- <-gone
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	within(t, "the error", func() {
		if _, err := client.Do(request(t, ctx, http.MethodGet, "bulkhead://server/", nil)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("an answer after the deadline: %v", err)
		}
	})
	within(t, "the handler's end", func() { <-told })
}

func TestPanicIsAnError(t *testing.T) {
	client, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/half" {
			io.WriteString(w, "half")
			w.(http.Flusher).Flush()
		}
		panic(http.ErrAbortHandler)
	})
	if _, err := client.Do(request(t, t.Context(), http.MethodGet, "bulkhead://server/", nil)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("no answer at all: %v", err)
	}
	response, err := client.Do(request(t, t.Context(), http.MethodGet, "bulkhead://server/half", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if got, err := io.ReadAll(response.Body); string(got) != "half" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("half an answer: %q, %v", got, err)
	}
}

func TestRequestsWaitForTheServer(t *testing.T) {
	transport := New(nil)
	defer transport.Close()
	client := &http.Client{Transport: transport}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := client.Do(request(t, ctx, http.MethodGet, "bulkhead://server/", nil)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("before it serves: %v", err)
	}
	answered := make(chan error, 1)
	go func() {
		response, err := client.Do(request(t, t.Context(), http.MethodGet, "bulkhead://server/", nil))
		if err == nil {
			response.Body.Close()
		}
		answered <- err
	}()
	transport.Serve(http.NotFoundHandler())
	within(t, "the answer", func() {
		if err := <-answered; err != nil {
			t.Error(err)
		}
	})
}

// The orderly stop waits for nobody who watches, and for no handler that does
// not hear.
func TestCloseEndsEverything(t *testing.T) {
	deaf := make(chan struct{})
	client, transport := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/watch" {
			w.(http.Flusher).Flush()
		}
		<-deaf
	})
	defer close(deaf)
	response, err := client.Do(request(t, t.Context(), http.MethodGet, "bulkhead://server/watch", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	go func() { time.Sleep(10 * time.Millisecond); transport.Close() }()
	within(t, "the watch's end", func() {
		if _, err := response.Body.Read(make([]byte, 1)); err != io.ErrUnexpectedEOF { //nolint:errorlint // client-go compares
			t.Errorf("a watch at the end: %v", err)
		}
	})
	if _, err := client.Do(request(t, t.Context(), http.MethodGet, "bulkhead://server/", nil)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("after the end: %v", err)
	}
}

// closing counts how often it is closed.
type closing struct {
	io.Reader
	closed int
}

func (c *closing) Close() error { c.closed++; return nil }

func TestRequestBodyIsClosedOnce(t *testing.T) {
	client, transport := serve(t, func(_ http.ResponseWriter, r *http.Request) { r.Body.Close() })
	for _, close := range []bool{false, true} {
		if close {
			transport.Close()
		}
		body := &closing{Reader: strings.NewReader("x")}
		response, err := client.Do(request(t, t.Context(), http.MethodPost, "bulkhead://server/", body))
		if err == nil {
			response.Body.Close()
		}
		if body.closed != 1 {
			t.Errorf("server closed %v: the body was closed %d times", close, body.closed)
		}
	}
}
