package cli

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/stages"
)

// progress shows a start: a line for each stage that is over and, on a
// terminal, one at the bottom that says that it goes on.
type progress struct {
	app   *app
	since time.Time

	mu    sync.Mutex // guards the terminal's last line
	drawn bool
	stop  chan struct{}
	ended sync.WaitGroup
}

// spinner turns once a second.
var spinner = []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"}

const frame = 100 * time.Millisecond

// newProgress begins to show; end stops it.
func (a *app) newProgress(since time.Time) *progress {
	p := &progress{app: a, since: since, stop: make(chan struct{})}
	if !isTerminal(a.out) {
		return p
	}
	p.ended.Go(func() {
		ticker := time.NewTicker(frame)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				p.draw()
			case <-p.stop:
				return
			}
		}
	})
	return p
}

func (p *progress) draw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	elapsed := time.Since(p.since)
	p.app.printf("\r\x1b[K%s starting  %s", spinner[int(elapsed/frame)%len(spinner)], p.app.paint(p.app.out, faint, seconds(elapsed)))
	p.drawn = true
}

func (p *progress) clear() {
	if p.drawn {
		p.app.printf("\r\x1b[K")
		p.drawn = false
	}
}

// stage shows one that is over.
func (p *progress) stage(s stages.Stage) {
	if s.Detail {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	mark, failed := p.app.paint(p.app.out, green, "✓"), p.app.paint(p.app.out, red, "✗")
	if !isTerminal(p.app.out) {
		mark, failed = "ok    ", "failed"
	}
	if s.Error != "" {
		reason, _, _ := strings.Cut(s.Error, "\n")
		p.app.printf("%s %-28s %8s  %s\n", failed, s.Name, seconds(s.Duration()), reason)
		return
	}
	p.app.printf("%s %-28s %8s\n", mark, s.Name, seconds(s.Duration()))
}

// end stops showing and leaves the cursor on an empty line.
func (p *progress) end() {
	close(p.stop)
	p.ended.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
