package kube

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"k8s.io/kubernetes/pkg/volume"
)

func TestListsControllers(t *testing.T) {
	body, status := "", http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	defer server.Close()
	for _, tc := range []struct {
		name, body string
		want       bool
	}{
		{"before they are built", "[+]ping ok\nhealthz check passed\n", false},
		{"after", "[+]namespace-controller ok\nhealthz check passed\n", true},
		{"after, with one that fails", "[-]persistentvolume-attach-detach-controller failed: reason withheld\n", true},
	} {
		body = tc.body
		if got := listsControllers(t.Context(), http.DefaultTransport, server.URL); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

type noProber struct{ initialised chan struct{} }

func (p noProber) Init() error                         { close(p.initialised); return nil }
func (p noProber) Probe() ([]volume.ProbeEvent, error) { return nil, nil }

func TestKubeletsVolumePluginsComeLast(t *testing.T) {
	after, inner := make(chan struct{}), noProber{make(chan struct{})}
	ended := make(chan error, 1)
	go func() { ended <- orderedProber{inner, t.Context(), after}.Init() }()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	select {
	case <-inner.initialised:
		t.Fatal("the kubelet's plugins did not wait for the controllers")
	case <-ctx.Done():
	}
	close(after)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	<-inner.initialised
}
