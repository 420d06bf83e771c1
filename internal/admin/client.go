package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/stages"
)

// Client asks the daemon of one data directory. Every method returns an error
// that is ErrNotRunning where nothing listens.
type Client struct {
	dataDir string
	http    *http.Client
}

// NewClient returns a client for the daemon that listens on socket; dataDir is
// for its errors. It connects when first used.
func NewClient(dataDir, socket string) *Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	return &Client{dataDir: dataDir, http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", socket)
		},
	}}}
}

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Status returns the daemon's state.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var status Status
	return status, c.call(ctx, http.MethodGet, pathStatus, nil, &status)
}

// ListImages returns what containerd holds.
func (c *Client) ListImages(ctx context.Context) ([]Image, error) {
	var images []Image
	return images, c.call(ctx, http.MethodGet, pathImages, nil, &images)
}

// ImportImages sends an image archive and returns what it held.
func (c *Client) ImportImages(ctx context.Context, archive io.Reader) ([]Image, error) {
	var images []Image
	return images, c.call(ctx, http.MethodPost, pathImages, archive, &images)
}

// Stop ends the daemon and returns once its pods have stopped. The process may
// live a little longer.
func (c *Client) Stop(ctx context.Context, keepPods bool) error {
	body, err := json.Marshal(stopRequest{KeepPods: keepPods})
	if err != nil {
		return err
	}
	return c.call(ctx, http.MethodPost, pathStop, bytes.NewReader(body), nil)
}

// Why asks what failed first.
func (c *Client) Why(ctx context.Context, r WhyRequest) (WhyReply, error) {
	var reply WhyReply
	return reply, c.ask(ctx, pathWhy, r, &reply)
}

// History asks how an object was.
func (c *Client) History(ctx context.Context, r HistoryRequest) (HistoryReply, error) {
	var reply HistoryReply
	return reply, c.ask(ctx, pathHistory, r, &reply)
}

// NodePools says what was decided last about node pools.
func (c *Client) NodePools(ctx context.Context, r NodePoolsRequest) (NodePoolsReply, error) {
	var reply NodePoolsReply
	return reply, c.ask(ctx, pathNodePools, r, &reply)
}

// ask posts a question and decodes the answer.
func (c *Client) ask(ctx context.Context, path string, question, answer any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	return c.call(ctx, http.MethodPost, path, bytes.NewReader(body), answer)
}

// ExportJournal writes the journal's records to w: JSON lines, compressed.
func (c *Client) ExportJournal(ctx context.Context, w io.Writer, r ExportRequest) error {
	body, err := json.Marshal(r)
	if err != nil {
		return err
	}
	response, err := c.do(ctx, http.MethodPost, pathExport, bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(w, response.Body); err != nil {
		return fmt.Errorf("read the journal's export: %w", err)
	}
	return nil
}

// FollowStages calls emit with every finished stage of the daemon's start and
// returns nil once the start is over, or ErrStartCutOff where the daemon ended
// before.
func (c *Client) FollowStages(ctx context.Context, emit func(stages.Stage) error) error {
	response, err := c.do(ctx, http.MethodGet, pathStages, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	decoder := json.NewDecoder(response.Body)
	for {
		var stage stages.Stage
		err := decoder.Decode(&stage)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return fmt.Errorf("%w: %w", ErrStartCutOff, err)
		}
		if err := emit(stage); err != nil {
			return err
		}
	}
}

// call makes one request and decodes the answer into result unless that is nil.
func (c *Client) call(ctx context.Context, method, path string, body io.Reader, result any) error {
	response, err := c.do(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if result == nil {
		_, err = io.Copy(io.Discard, response.Body)
	} else {
		err = json.NewDecoder(response.Body).Decode(result)
	}
	if err != nil {
		return fmt.Errorf("read the daemon's answer to %s %s: %w", method, path, err)
	}
	return nil
}

// do makes one request; an answer that is not a success comes back as an error.
func (c *Client) do(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://bulkheadd"+path, body)
	if err != nil {
		return nil, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, c.explain(err)
	}
	if response.StatusCode == http.StatusOK {
		return response, nil
	}
	defer response.Body.Close()
	var remote errorReply
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&remote); err != nil || remote.Error == "" {
		remote.Error = fmt.Sprintf("the daemon answered %s %s with %s; is it of another version? see `bulkhead version`", method, path, response.Status)
	}
	return nil, &RemoteError{Code: response.StatusCode, Message: remote.Error}
}

// explain turns the errors of a missing, dead or foreign socket into ones that
// say what to do.
func (c *Client) explain(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOTDIR):
		return notRunningError{dataDir: c.dataDir}
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("the daemon of --data-dir %s belongs to another user; use sudo or name another --data-dir: %w", c.dataDir, fs.ErrPermission)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	return fmt.Errorf("ask the daemon of --data-dir %s: %w", c.dataDir, err)
}
