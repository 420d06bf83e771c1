package dns

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreTopFunction("k8s.io/klog/v2.(*flushDaemon).run.func1"),
		// A client's idle connections are closed by their time-out.
		goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"),
		goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"),
		goleak.IgnoreTopFunction("internal/poll.runtime_pollWait"),
		// CoreDNS ends connections to servers outside by a finalizer,
		goleak.IgnoreTopFunction("github.com/coredns/coredns/plugin/pkg/proxy.(*Transport).connManager"),
		// looks at them again after half a second while one does not answer,
		goleak.IgnoreAnyFunction("github.com/coredns/coredns/plugin/pkg/up.(*Probe).Do.func1"),
		// and does not wait for its watches, which end after their next attempt.
		goleak.IgnoreAnyFunction("k8s.io/client-go/tools/cache.(*Reflector).watchList"),
		goleak.IgnoreAnyFunction("k8s.io/client-go/tools/cache.(*controller).RunWithContext"),
	)
}
