package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// loadResult is what came of a load.
type loadResult struct {
	Requests int `json:"requests"`
	// Versions counts the answers by the version that gave them.
	Versions map[string]int `json:"versions"`
	// Failures holds what went wrong with the first few that failed; Failed is
	// how many did.
	Failures []string `json:"failures"`
	Failed   int      `json:"failed"`
}

// load asks one address over and over until it is cancelled.
type load struct {
	cancel context.CancelFunc
	ended  chan struct{}

	mu     sync.Mutex // guards result
	result loadResult
}

// startLoad begins asking ?url= every ?interval=, each time over a new
// connection, as distinct users do.
func (s *server) startLoad(w http.ResponseWriter, r *http.Request) {
	interval, err := time.ParseDuration(r.FormValue("interval"))
	if err != nil {
		refuse(w, err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.load != nil {
		refuse(w, fmt.Errorf("a load runs already"))
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.load = &load{cancel: cancel, ended: make(chan struct{}), result: loadResult{Versions: map[string]int{}}}
	go s.load.run(ctx, r.FormValue("url"), interval)
}

// stopLoad ends the load and says what came of it.
func (s *server) stopLoad(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	l := s.load
	s.load = nil
	s.mu.Unlock()
	if l == nil {
		refuse(w, fmt.Errorf("no load runs"))
		return
	}
	l.cancel()
	<-l.ended
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = json.NewEncoder(w).Encode(l.result)
}

func (l *load) run(ctx context.Context, url string, interval time.Duration) {
	defer close(l.ended)
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	var requests sync.WaitGroup
	defer requests.Wait() // those under way count, too
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		requests.Go(func() {
			version, err := ask(client, url)
			l.mu.Lock()
			defer l.mu.Unlock()
			l.result.Requests++
			if err == nil {
				l.result.Versions[version]++
				return
			}
			l.result.Failed++
			if len(l.result.Failures) < 5 {
				l.result.Failures = append(l.result.Failures, fmt.Sprintf("%s: %v", time.Now().Format(time.StampMilli), err))
			}
		})
	}
}

func ask(client *http.Client, url string) (version string, err error) {
	response, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status %s", response.Status)
	}
	var said answer
	if err := json.Unmarshal(body, &said); err != nil {
		return "", err
	}
	return said.Version, nil
}
