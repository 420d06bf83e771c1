package main

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// Requests a second, and how long one may take.
const (
	goodRate      = 15
	campaignRate  = 10
	neighbourRate = 20
	requestLimit  = 5 * time.Second
	// firstShare is the campaign's share of bad requests in its beginning; it grows to
	// all within growth of its time.
	firstShare = 0.1
	growth     = 0.6
)

// Titles that visitors ask for, as those of the example; the emoji of the campaign's is
// where the card ends.
var titles = []string{"Blue mug", "Garden chair, folding", "Crème brûlée set", "A very long title that is cut where the card ends"}

const campaignTitle = "Summer sale: sunglasses\U0001F60E 20 % off"

// request is one that was answered, or not.
type request struct {
	at   time.Time
	took time.Duration
	ok   bool
	bad  bool // it was of the campaign's kind
}

// traffic is a stream of requests to one address.
type traffic struct {
	mu   sync.Mutex
	done []request
	wait sync.WaitGroup
}

// client opens a connection for each request, as new visitors do.
var client = &http.Client{Timeout: requestLimit, Transport: &http.Transport{DisableKeepAlives: true}}

// run asks so many times a second until ctx ends, for what next says.
func (t *traffic) run(ctx context.Context, perSecond int, next func() (address string, bad bool)) {
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	defer t.wait.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			t.wait.Go(func() { t.ask(next()) })
		}
	}
}

func (t *traffic) ask(address string, bad bool) {
	r := request{at: time.Now(), bad: bad}
	if response, err := client.Get(address); err == nil {
		_, err = io.Copy(io.Discard, response.Body)
		response.Body.Close()
		r.ok = err == nil && response.StatusCode == http.StatusOK
	}
	r.took = time.Since(r.at)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done = append(t.done, r)
}

// between are the requests that began between two times.
func (t *traffic) between(from, to time.Time) []request {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(t.done), func(r request) bool { return r.at.Before(from) || r.at.After(to) })
}

// figures of some requests.
type figures struct {
	all, failed int
	success     float64
	p99         time.Duration
	lastFailure time.Time
}

func figuresOf(requests []request) figures {
	f := figures{all: len(requests)}
	var took []time.Duration
	for _, r := range requests {
		took = append(took, r.took)
		if !r.ok {
			f.failed++
			if r.at.After(f.lastFailure) {
				f.lastFailure = r.at
			}
		}
	}
	if f.all > 0 {
		slices.Sort(took)
		f.success, f.p99 = 1-float64(f.failed)/float64(f.all), took[len(took)*99/100]
	}
	return f
}

// firstBad is when the first of the campaign's requests broke off.
func firstBad(requests []request) time.Time {
	var first time.Time
	for _, r := range requests {
		if at := r.at.Add(r.took); r.bad && !r.ok && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

func visit(address string) func() (string, bool) {
	return func() (string, bool) { return page(address, titles[rand.IntN(len(titles))]), false }
}

// campaign grows from the first share of bad requests to all.
func campaign(address string, start time.Time, lasts time.Duration) func() (string, bool) {
	return func() (string, bool) {
		past := time.Since(start).Seconds() / (growth * lasts.Seconds())
		if rand.Float64() < firstShare+(1-firstShare)*min(past, 1) {
			return page(address, campaignTitle), true
		}
		return visit(address)()
	}
}

func page(address, title string) string { return address + "/?title=" + url.QueryEscape(title) }
