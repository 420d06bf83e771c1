package relay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Path is where the server takes records: below no API group, so that what may be
// asked there is a matter of this path alone.
const Path = "/bulkhead.dev/v1/records"

// postTime bounds one attempt; the API server's own bound is a minute.
const postTime = 20 * time.Second

// Poster posts batches to a server with a client that the server knows as a node.
func Poster(client *http.Client, server string) func(ctx context.Context, id ID, body []byte) error {
	return func(ctx context.Context, id ID, body []byte) error {
		ctx, cancel := context.WithTimeout(ctx, postTime)
		defer cancel()
		query := url.Values{"stream": {id.Stream}, "batch": {strconv.FormatUint(id.Number, 10)}}
		address := strings.TrimSuffix(server, "/") + Path + "?" + query.Encode()
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
		if err != nil {
			return err
		}
		request.Header.Set("Content-Type", "application/x-ndjson")
		request.Header.Set("Content-Encoding", "zstd")
		response, err := client.Do(request)
		if err != nil {
			return fmt.Errorf("send records: %w", err)
		}
		defer response.Body.Close()
		said, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10))
		switch response.StatusCode {
		case http.StatusOK:
			return nil
		case http.StatusBadRequest:
			err = ErrUnreadable
		case http.StatusNotFound:
			err = ErrNoJournal
		default:
			err = errors.New(response.Status)
		}
		return fmt.Errorf("send records: %w: %s", err, strings.TrimSpace(string(said)))
	}
}

// Handler takes batches. node is the name of the node that a request is from, and
// empty if it is from nobody's; receiver may fail while the journal is not open yet.
func Handler(node func(*http.Request) string, receiver func() (*Receiver, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			http.Error(w, "records are posted", http.StatusMethodNotAllowed)
			return
		}
		name := node(r)
		if name == "" {
			http.Error(w, "records are taken from nodes only", http.StatusForbidden)
			return
		}
		number, err := strconv.ParseUint(r.URL.Query().Get("batch"), 10, 64)
		id := ID{Stream: r.URL.Query().Get("stream"), Number: number}
		if err != nil || id.Stream == "" {
			http.Error(w, "want ?stream=NAME&batch=NUMBER", http.StatusBadRequest)
			return
		}
		to, err := receiver()
		if err == nil {
			err = to.Receive(r.Context(), name, id, r.Body)
		}
		switch {
		case errors.Is(err, ErrUnreadable):
			http.Error(w, err.Error(), http.StatusBadRequest)
		case err != nil:
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	})
}
