package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/stages"
)

// The paths of the API.
const (
	pathStatus = "/v1/status"
	pathStages = "/v1/stages"
	pathImages = "/v1/images"
	pathStop   = "/v1/stop"

	// Questions are posted, as their values are too many for a path.
	pathWhy     = "/v1/why"
	pathHistory = "/v1/history"
	pathExport  = "/v1/journal/export"

	pathNodePools = "/v1/nodepools"
)

// stopRequest is the body of POST /v1/stop.
type stopRequest struct {
	KeepPods bool `json:"keepPods"`
}

// errorReply is the body of every answer that is not a result.
type errorReply struct {
	Error string `json:"error"`
}

// drainTime bounds how long Serve waits for answers under way when it ends;
// the reply to a stop is the one that matters, and it is short.
const drainTime = 5 * time.Second

// Serve answers on listener from daemon until ctx ends, and closes listener.
// Answers under way are finished first; followers of the stages are cut off, so
// that they can tell a start that ended early from one that was over.
func Serve(ctx context.Context, listener net.Listener, daemon Daemon) error {
	server := &http.Server{
		Handler:           Handler(daemon),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 10 * time.Second,
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve the daemon's socket: %w", err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	if err := server.Shutdown(drain); err != nil {
		server.Close()
	}
	<-ended
	return nil
}

// Handler is the API without its socket.
func Handler(daemon Daemon) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+pathStatus, func(w http.ResponseWriter, r *http.Request) {
		reply(w, daemon.Status(r.Context()), nil)
	})
	mux.HandleFunc("GET "+pathStages, func(w http.ResponseWriter, r *http.Request) {
		followStages(w, r, daemon.Stages())
	})
	mux.HandleFunc("GET "+pathImages, func(w http.ResponseWriter, r *http.Request) {
		images, err := daemon.ListImages(r.Context())
		reply(w, list(images), err)
	})
	mux.HandleFunc("POST "+pathImages, func(w http.ResponseWriter, r *http.Request) {
		images, err := daemon.ImportImages(r.Context(), r.Body)
		reply(w, list(images), err)
	})
	mux.HandleFunc("POST "+pathStop, func(w http.ResponseWriter, r *http.Request) {
		var request stopRequest
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			replyError(w, http.StatusBadRequest, fmt.Errorf("read the request: %w", err))
			return
		}
		// A stop that has begun goes on when the asker hangs up, and when the
		// daemon, by stopping, ends the context of everything that it serves.
		reply(w, struct{}{}, daemon.Stop(context.WithoutCancel(r.Context()), request.KeepPods))
	})
	mux.HandleFunc("POST "+pathWhy, func(w http.ResponseWriter, r *http.Request) { answer(w, r, daemon.Why) })
	mux.HandleFunc("POST "+pathHistory, func(w http.ResponseWriter, r *http.Request) { answer(w, r, daemon.History) })
	mux.HandleFunc("POST "+pathNodePools, func(w http.ResponseWriter, r *http.Request) { answer(w, r, daemon.NodePools) })
	mux.HandleFunc("POST "+pathExport, func(w http.ResponseWriter, r *http.Request) { export(w, r, daemon) })
	return mux
}

// answer decodes a question and replies with what f says.
func answer[Q, A any](w http.ResponseWriter, r *http.Request, f func(context.Context, Q) (A, error)) {
	var question Q
	if err := json.NewDecoder(r.Body).Decode(&question); err != nil {
		replyError(w, http.StatusBadRequest, fmt.Errorf("read the request: %w", err))
		return
	}
	result, err := f(r.Context(), question)
	reply(w, result, err)
}

// export streams the journal. An error before the first byte is replied; one after
// it cuts the answer off, so that the asker does not take it for whole.
func export(w http.ResponseWriter, r *http.Request, daemon Daemon) {
	var question ExportRequest
	if err := json.NewDecoder(r.Body).Decode(&question); err != nil {
		replyError(w, http.StatusBadRequest, fmt.Errorf("read the request: %w", err))
		return
	}
	to := &started{Writer: w}
	switch err := daemon.ExportJournal(r.Context(), to, question); {
	case err != nil && to.any:
		panic(http.ErrAbortHandler)
	case err != nil:
		replyError(w, http.StatusInternalServerError, err)
	}
}

// started notes whether anything was written.
type started struct {
	io.Writer
	any bool
}

func (s *started) Write(p []byte) (int, error) {
	s.any = true
	return s.Writer.Write(p)
}

// followStages sends each finished stage as one line of JSON.
func followStages(w http.ResponseWriter, r *http.Request, tracker *stages.Tracker) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	flusher := http.NewResponseController(w)
	_ = flusher.Flush() // the follower knows at once that a daemon is there
	if tracker == nil {
		return
	}
	encoder := json.NewEncoder(w)
	err := tracker.Watch(r.Context(), func(stage stages.Stage) error {
		return errors.Join(encoder.Encode(stage), flusher.Flush())
	})
	if err != nil {
		panic(http.ErrAbortHandler) // the follower must not take this for the end of the start
	}
}

// list makes an empty JSON list of nil.
func list(images []Image) []Image {
	if images == nil {
		return []Image{}
	}
	return images
}

func reply(w http.ResponseWriter, result any, err error) {
	if err != nil {
		replyError(w, http.StatusInternalServerError, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(result) // an error here means that the asker is gone
}

func replyError(w http.ResponseWriter, code int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(errorReply{Error: err.Error()})
}
