package inprocess

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
)

const (
	// writeAhead is how much of an answer may wait for its reader.
	writeAhead = 256 << 10
	// unseen is how much a handler writes before the reader is told, unless the
	// handler flushes: waking somebody up costs more than copying this.
	unseen = 4 << 10
	// keep is the size of the buffer that an answer keeps when it was all read:
	// hundreds of watches wait for their next event.
	keep = 2 << 10
)

// errClosed is what a handler gets that writes to nobody.
var errClosed = errors.New("the client closed the answer")

// exchange is one request's answer: the handler's http.ResponseWriter on one
// side, the client's http.Response with its body on the other.
//
//	handler → header, buffer[visible:] → published, buffer[read:visible] → client
type exchange struct {
	request *http.Request // the client's
	cancel  context.CancelCauseFunc
	header  http.Header // the handler's own, until it is copied to sent

	mu      sync.Mutex // guards all below
	changed sync.Cond  // there is more to read, room to write, or an end

	status    int
	sent      http.Header
	published bool // the client may have status, sent, and what is visible

	buffer        []byte
	read, visible int

	ended error // io.EOF after all that was written; nil while the handler runs
	gone  chan bool
}

func newExchange(request *http.Request, cancel context.CancelCauseFunc) *exchange {
	x := &exchange{request: request, cancel: cancel, header: http.Header{}}
	x.changed.L = &x.mu
	return x
}

// Header is the handler's until WriteHeader.
func (x *exchange) Header() http.Header { return x.header }

func (x *exchange) WriteHeader(status int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.writeHeader(status)
}

func (x *exchange) writeHeader(status int) {
	if x.status == 0 && status >= http.StatusOK {
		x.status, x.sent = status, x.header.Clone()
	}
}

func (x *exchange) Write(data []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.writeHeader(http.StatusOK)
	switch {
	case x.status == http.StatusNoContent || x.status == http.StatusNotModified:
		return 0, http.ErrBodyNotAllowed
	case x.request.Method == http.MethodHead:
		return len(data), nil
	}
	written := 0
	for len(data) > 0 {
		for x.ended == nil && len(x.buffer)-x.read >= writeAhead {
			x.publish()
			x.changed.Wait()
		}
		if x.ended != nil {
			return written, errClosed
		}
		n := min(len(data), writeAhead-(len(x.buffer)-x.read))
		x.append(data[:n])
		written, data = written+n, data[n:]
		if len(x.buffer)-x.visible >= unseen {
			x.publish()
		}
	}
	return written, nil
}

// append moves what is unread to the front when that spares a larger buffer.
func (x *exchange) append(data []byte) {
	if x.read > 0 && len(x.buffer)+len(data) > cap(x.buffer) {
		x.buffer = x.buffer[:copy(x.buffer, x.buffer[x.read:])]
		x.visible, x.read = x.visible-x.read, 0
	}
	x.buffer = append(x.buffer, data...)
}

// Flush lets the client see what was written.
func (x *exchange) Flush() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.writeHeader(http.StatusOK)
	if x.ended == nil {
		x.publish()
	}
}

func (x *exchange) publish() {
	if !x.published && len(x.buffer) > 0 && x.sent.Get("Content-Type") == "" && x.sent.Get("Content-Encoding") == "" {
		x.sent.Set("Content-Type", http.DetectContentType(x.buffer))
	}
	x.published, x.visible = true, len(x.buffer)
	x.changed.Broadcast()
}

// CloseNotify is what the API server's wrappers of an http.ResponseWriter take as
// the sign of one that can flush.
func (x *exchange) CloseNotify() <-chan bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.gone == nil {
		x.gone = make(chan bool, 1)
		x.notify()
	}
	return x.gone
}

func (x *exchange) notify() {
	if x.gone != nil && x.ended != nil && x.ended != io.EOF {
		x.gone <- true
	}
}

// end ends an answer after what was written, with io.EOF if that is all of it.
func (x *exchange) end(reason error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ended != nil {
		return
	}
	if reason == io.EOF {
		x.writeHeader(http.StatusOK)
	}
	x.ended = reason
	if x.published || reason == io.EOF {
		x.publish()
	}
	x.changed.Broadcast()
}

// abort ends an answer at once.
func (x *exchange) abort(reason error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ended == nil {
		x.ended = reason
		x.buffer, x.read, x.visible = nil, 0, 0
		x.notify()
		x.changed.Broadcast()
	}
}

// response waits for the header.
func (x *exchange) response() (*http.Response, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for !x.published && x.ended == nil {
		x.changed.Wait()
	}
	if !x.published {
		return nil, x.ended
	}
	r := &http.Response{
		Status: strconv.Itoa(x.status) + " " + http.StatusText(x.status), StatusCode: x.status,
		Proto: "HTTP/2.0", ProtoMajor: 2,
		Header: x.sent, Body: responseBody{x}, ContentLength: -1, Request: x.request,
	}
	if length, err := strconv.ParseInt(x.sent.Get("Content-Length"), 10, 64); err == nil {
		r.ContentLength = length
	} else if x.ended == io.EOF {
		r.ContentLength = int64(len(x.buffer))
	}
	return r, nil
}

// responseBody is the client's end of an answer.
type responseBody struct{ x *exchange }

func (b responseBody) Read(into []byte) (int, error) {
	x := b.x
	x.mu.Lock()
	defer x.mu.Unlock()
	for x.read == x.visible && x.ended == nil {
		x.changed.Wait()
	}
	if x.read == x.visible {
		return 0, x.ended
	}
	full := len(x.buffer)-x.read >= writeAhead
	n := copy(into, x.buffer[x.read:x.visible])
	x.read += n
	if x.read == len(x.buffer) {
		if cap(x.buffer) > keep {
			x.buffer = nil
		}
		x.buffer, x.read, x.visible = x.buffer[:0], 0, 0
	}
	if full {
		x.changed.Broadcast()
	}
	return n, nil
}

// Close ends the handler, if it still runs.
func (b responseBody) Close() error {
	b.x.abort(http.ErrBodyReadAfterClose)
	b.x.cancel(errClosed)
	return nil
}

// requestBody is a client's body, which is closed once: when the handler has
// ended, and not while it reads.
type requestBody struct {
	io.ReadCloser
	closed atomic.Bool
}

func (b *requestBody) Read(into []byte) (int, error) {
	if b.closed.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	return b.ReadCloser.Read(into)
}

func (b *requestBody) Close() error {
	if b.ReadCloser == nil || b.closed.Swap(true) {
		return nil
	}
	return b.ReadCloser.Close()
}
