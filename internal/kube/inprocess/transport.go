package inprocess

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"syscall"

	"k8s.io/klog/v2"
)

// Scheme is that of URLs which lead to a registered Transport.
const Scheme = "bulkhead"

// secret is what a client shows beside a certificate's name. URLs come from
// everywhere, as from a server that redirects one of the many clients in this
// process; none of them can name an identity.
var secret = sync.OnceValue(rand.Text)

// User names the client whose certificate is called name.
func User(name string) *url.Userinfo { return url.UserPassword(name, secret()) }

// errRefused is what a port gives on which nobody listens, so that clients try
// again as they do then.
var errRefused = &net.OpError{Op: "call", Net: "in process", Err: syscall.ECONNREFUSED}

// Transport is an http.RoundTripper to one handler. All requests go to it,
// whatever the host in their URL. It may be used from any goroutine.
//
// It upgrades no connection, and a request's trailer and informational answers
// are lost: the API server's clients use neither.
type Transport struct {
	certificates certificates
	open         context.Context // ends with Close
	close        context.CancelCauseFunc
	serving      chan struct{} // closed once handler is set
	handler      http.Handler
}

// New returns a Transport for clients whose certificates load returns. Requests
// wait until Serve.
func New(load func(name string) (*x509.Certificate, error)) *Transport {
	t := &Transport{certificates: certificates{load: load}, serving: make(chan struct{})}
	t.open, t.close = context.WithCancelCause(context.Background())
	return t
}

// Register lets all clients of this process that use http.DefaultTransport, such
// as those of client-go without settings for TLS, reach t by URLs with Scheme.
// Only one Transport of a process can be registered.
func (t *Transport) Register() error {
	transport, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return fmt.Errorf("register the API server's address: http.DefaultTransport is a %T", http.DefaultTransport)
	}
	transport.RegisterProtocol(Scheme, t)
	return nil
}

// Serve sets who answers. It is called once.
func (t *Transport) Serve(handler http.Handler) {
	t.handler = handler
	close(t.serving)
}

// Close ends all requests and refuses later ones. It does not wait for handlers.
func (t *Transport) Close() { t.close(io.ErrUnexpectedEOF) }

// RoundTrip returns once the answer's header is there. The answer's body is read
// while it is written, and must be closed.
func (t *Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	body := &requestBody{ReadCloser: request.Body}
	ctx := request.Context()
	select {
	case <-t.serving:
	case <-t.open.Done():
	case <-ctx.Done():
		body.Close()
		return nil, context.Cause(ctx)
	}
	if t.open.Err() != nil {
		body.Close()
		return nil, errRefused
	}
	called, err := t.called(request, body)
	if err != nil {
		body.Close()
		return nil, err
	}

	// Not below the client's context: what that holds is nothing to the server.
	handling, cancel := context.WithCancelCause(t.open)
	x := newExchange(request, cancel)
	stopClient := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	stopServer := context.AfterFunc(handling, func() { x.abort(context.Cause(handling)) })
	go func() {
		defer cancel(nil)
		defer stopClient()
		defer stopServer()
		defer body.Close()
		t.serve(x, called.WithContext(handling))
	}()
	return x.response()
}

// serve runs the handler and ends the answer.
func (t *Transport) serve(x *exchange, called *http.Request) {
	ended := io.ErrUnexpectedEOF
	defer func() {
		switch reason := recover(); reason {
		case nil, http.ErrAbortHandler: // the latter gives up an answer on purpose
		default:
			klog.ErrorS(nil, "A handler panicked", "method", called.Method, "path", called.URL.Path, "panic", reason)
		}
		x.end(ended)
	}()
	t.handler.ServeHTTP(x, called)
	ended = io.EOF
}

// called is the request as the handler sees it.
func (t *Transport) called(request *http.Request, body *requestBody) (*http.Request, error) {
	header := request.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	state := &tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: true}
	if name, password, ok := request.BasicAuth(); ok {
		if subtle.ConstantTimeCompare([]byte(password), []byte(secret())) != 1 {
			return nil, fmt.Errorf("call as client %q: that is for clients made in this process", name)
		}
		certificate, err := t.certificates.get(name)
		if err != nil {
			return nil, err
		}
		state.PeerCertificates = []*x509.Certificate{certificate}
		header.Del("Authorization")
	}
	called := &http.Request{
		Method: request.Method, Header: header, Body: body, ContentLength: request.ContentLength,
		URL:   &url.URL{Path: request.URL.Path, RawPath: request.URL.RawPath, RawQuery: request.URL.RawQuery},
		Proto: "HTTP/2.0", ProtoMajor: 2,
		Host: request.URL.Host, RemoteAddr: "127.0.0.1:0", RequestURI: request.URL.RequestURI(), TLS: state,
	}
	if called.Method == "" {
		called.Method = http.MethodGet
	}
	if request.Host != "" {
		called.Host = request.Host
	}
	if body.ReadCloser == nil {
		body.ReadCloser = http.NoBody
	}
	return called, nil
}
