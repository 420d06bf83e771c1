package incident

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/story"
)

const (
	webhookQueue = 64
	webhookTries = 5
	webhookTime  = 10 * time.Second
)

// Webhooks sends incidents to receivers of Alertmanager's webhooks.
type Webhooks struct {
	urls   []string
	queues []chan Action
	client *http.Client
	pause  time.Duration // before the second try; it doubles
	// dropped counts messages that did not arrive.
	mu      sync.Mutex
	dropped int
}

// NewWebhooks makes a sender to each of the URLs.
func NewWebhooks(urls []string) *Webhooks {
	w := &Webhooks{urls: urls, client: &http.Client{Timeout: webhookTime}, pause: time.Second}
	for range urls {
		w.queues = append(w.queues, make(chan Action, webhookQueue))
	}
	return w
}

// Notify takes an action; it never blocks.
func (w *Webhooks) Notify(a Action) {
	for _, q := range w.queues {
		select {
		case q <- a:
		default:
			w.drop()
		}
	}
}

func (w *Webhooks) drop() {
	w.mu.Lock()
	w.dropped++
	w.mu.Unlock()
}

// Run sends until ctx ends.
func (w *Webhooks) Run(ctx context.Context) error {
	var all sync.WaitGroup
	for i, url := range w.urls {
		all.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case a := <-w.queues[i]:
					if err := w.deliver(ctx, url, a); err != nil {
						w.drop()
						slog.Warn("an incident was not sent", "url", url, "incident", a.Incident.Name, "err", err)
					}
				}
			}
		})
	}
	all.Wait()
	<-ctx.Done()
	return nil
}

// deliver tries a few times.
func (w *Webhooks) deliver(ctx context.Context, url string, a Action) error {
	body, err := json.Marshal(alertOf(a))
	if err != nil {
		return err
	}
	pause := w.pause
	for n := 1; ; n++ {
		again, err := w.post(ctx, url, body)
		if err == nil || !again || n == webhookTries {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		pause *= 2
	}
}

// post sends once, and says whether to try again.
func (w *Webhooks) post(ctx context.Context, url string, body []byte) (again bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "bulkhead")
	response, err := w.client.Do(request)
	if err != nil {
		return true, err
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<16))
	switch code := response.StatusCode; {
	case code < 300:
		return false, nil
	case code == http.StatusTooManyRequests || code >= 500:
		return true, fmt.Errorf("the receiver answered %s", response.Status)
	}
	return false, fmt.Errorf("the receiver answered %s", response.Status)
}

// alertMessage is what Alertmanager sends to webhooks, version 4.
type alertMessage struct {
	Version           string            `json:"version"`
	GroupKey          string            `json:"groupKey"`
	TruncatedAlerts   int               `json:"truncatedAlerts"`
	Status            string            `json:"status"`
	Receiver          string            `json:"receiver"`
	GroupLabels       map[string]string `json:"groupLabels"`
	CommonLabels      map[string]string `json:"commonLabels"`
	CommonAnnotations map[string]string `json:"commonAnnotations"`
	ExternalURL       string            `json:"externalURL"`
	Alerts            []alert           `json:"alerts"`
}

type alert struct {
	Status       string            `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
}

// alertOf is an incident as an alert. Its labels stay the same while it lasts:
// receivers know it again by them. What may change is in the annotations.
func alertOf(a Action) alertMessage {
	in := &a.Incident
	s := &in.Status
	labels := map[string]string{"alertname": "BulkheadIncident", "incident": in.Name, "namespace": in.Namespace}
	notes := map[string]string{
		"summary": s.FirstCause.Message, "reason": s.FirstCause.Reason,
		"confidence": strconv.FormatFloat(s.FirstCause.Confidence, 'f', 2, 64),
		"impact":     story.Impact(s.BlastRadius),
	}
	if o := s.FirstCause.Object; o != (v1alpha1.ObjectRef{}) {
		notes["object"] = strings.ToLower(o.Kind) + "/" + o.Name
		notes["summary"] = notes["object"] + ": " + s.FirstCause.Message
	}
	if len(s.NextSteps) > 0 {
		notes["nextStep"] = strings.TrimSpace(s.NextSteps[0].Text + " " + s.NextSteps[0].Command)
	}
	h := fnv.New64a()
	h.Write([]byte(in.Namespace + "/" + in.Name))
	one := alert{Status: "firing", Labels: labels, Annotations: notes, Fingerprint: fmt.Sprintf("%016x", h.Sum64())}
	if s.Opened != nil {
		one.StartsAt = s.Opened.UTC()
	}
	if s.Closed != nil {
		one.Status, one.EndsAt = "resolved", s.Closed.UTC()
	}
	return alertMessage{
		Version: "4", GroupKey: "{}:{incident=" + strconv.Quote(in.Name) + "}", Status: one.Status, Receiver: "bulkhead",
		GroupLabels: map[string]string{"incident": in.Name}, CommonLabels: labels, CommonAnnotations: notes, Alerts: []alert{one},
	}
}
