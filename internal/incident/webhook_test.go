package incident

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

func TestWebhooks(t *testing.T) {
	tries := 0
	got := make(chan alertMessage, 4)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if tries++; tries == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		var m alertMessage
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Error(err)
		}
		got <- m
	}))
	defer server.Close()
	w := NewWebhooks([]string{server.URL})
	w.pause = time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { _ = w.Run(ctx); close(ended) }()

	known, actions := Decide(Known{}, []v1alpha1.IncidentStatus{failing("web", "KilledBySignal", 0.9)}, start, Policy{})
	w.Notify(actions[0])
	firing := receive(t, got)
	_, actions = Decide(known, nil, start.Add(time.Hour), Policy{})
	w.Notify(actions[0])
	resolved := receive(t, got)
	cancel()
	<-ended

	if firing.Version != "4" || firing.Status != "firing" || len(firing.Alerts) != 1 || firing.Alerts[0].Annotations["object"] != "deployment/web" {
		t.Errorf("first message is %+v", firing)
	}
	if resolved.Status != "resolved" || !resolved.Alerts[0].EndsAt.Equal(start) || !resolved.Alerts[0].StartsAt.Equal(start) {
		t.Errorf("second message is %+v", resolved)
	}
	if firing.Alerts[0].Fingerprint != resolved.Alerts[0].Fingerprint || firing.GroupKey != resolved.GroupKey {
		t.Error("a receiver would not know the alert again")
	}
}

func TestWebhooksGiveUp(t *testing.T) {
	for code, want := range map[int]int{http.StatusBadRequest: 1, http.StatusInternalServerError: webhookTries} {
		tries := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			tries++
			w.WriteHeader(code)
		}))
		w := NewWebhooks(nil)
		w.pause = time.Millisecond
		if err := w.deliver(context.Background(), server.URL, Action{}); err == nil || tries != want {
			t.Errorf("%d: %d tries, %v", code, tries, err)
		}
		server.Close()
	}
}
