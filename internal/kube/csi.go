package kube

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"k8s.io/kubernetes/pkg/volume"
)

// Upstream's CSI plugin keeps the node that it works for in a global of its
// package (pkg/volume/csi, nim), which every initialisation of the plugin sets:
// the kubelet's with the node's name, and those of the attach and expand
// controllers with an empty one. Of the components of one process, the last one
// wins. Were that not the kubelet, its node would never be ready, and after two
// minutes it would end the process ("Failed to initialize CSINode").

// orderedProber is the kubelet's prober of volume plugins. It is initialised
// before any plugin is, and so can make the kubelet the last.
type orderedProber struct {
	volume.DynamicPluginProber
	ctx   context.Context // the kubelet's, since Init takes none
	after <-chan struct{}
}

// Init waits until the controllers have been built, or the kubelet is to end.
func (p orderedProber) Init() error {
	select {
	case <-p.after:
	case <-p.ctx.Done():
	}
	return p.DynamicPluginProber.Init()
}

const (
	builtInterval = 10 * time.Millisecond
	// builtLimit keeps a kubelet from waiting for ever for controllers that an
	// operator has switched off.
	builtLimit = 30 * time.Second
)

// watchBuilt closes built once all controllers have been built, or when ctx
// ends. Upstream tells nobody but its health endpoint, which then lists them.
func (m *ControllerManager) watchBuilt(ctx context.Context) {
	defer close(m.built)
	ctx, cancel := context.WithTimeout(ctx, builtLimit)
	defer cancel()
	port := strconv.Itoa(m.upstream.SecureServing.BindPort)
	url := "https://" + net.JoinHostPort(m.upstream.SecureServing.BindAddress.String(), port) + "/healthz?verbose"
	// It asks this process on loopback and sends nothing that is secret.
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // see above
	defer transport.CloseIdleConnections()
	ticker := time.NewTicker(builtInterval)
	defer ticker.Stop()
	for !listsControllers(ctx, transport, url) {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// listsControllers says whether a health endpoint has a check of a controller,
// such as "[+]namespace-controller ok". They all appear at once.
func listsControllers(ctx context.Context, transport http.RoundTripper, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<16))
	return err == nil && strings.Contains(string(body), "-controller ")
}
