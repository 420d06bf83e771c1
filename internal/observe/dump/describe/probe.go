package describe

import (
	"net/url"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/lazyregexp"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/view"
)

var probeForm = lazyregexp.New(`^(\S+)\s+(.*?)\s*delay=(\d+)s timeout=(\d+)s period=(\d+)s (?:#success|successThreshold)=(\d+) (?:#failure|failureThreshold)=(\d+)`)

func probe(s string) *corev1.Probe {
	m := probeForm.FindStringSubmatch(s)
	if m == nil {
		return nil
	}
	p := &corev1.Probe{InitialDelaySeconds: view.Int32(m[3]), TimeoutSeconds: view.Int32(m[4]), PeriodSeconds: view.Int32(m[5]),
		SuccessThreshold: view.Int32(m[6]), FailureThreshold: view.Int32(m[7])}
	switch m[1] {
	case "exec":
		p.Exec = &corev1.ExecAction{Command: command(m[2])}
	case "http-get":
		p.HTTPGet = httpGet(m[2])
	case "tcp-socket":
		i := strings.LastIndex(m[2], ":")
		if i < 0 {
			return p
		}
		p.TCPSocket = &corev1.TCPSocketAction{Host: m[2][:i], Port: view.IntOrString(m[2][i+1:])}
	case "grpc":
		at, service, _ := strings.Cut(m[2], " ")
		p.GRPC = &corev1.GRPCAction{Port: view.Int32(at[strings.LastIndex(at, ":")+1:])}
		if service = strings.TrimSpace(service); service != "" {
			p.GRPC.Service = &service
		}
	}
	return p
}

// command reads [sh -c cat /ready]. The text does not part arguments: what
// follows a shell's -c is one.
func command(s string) []string {
	s = strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
	f := strings.Fields(s)
	for i, a := range f {
		if (a == "-c" || a == "-ec" || a == "-lc") && i+1 < len(f) {
			_, script, _ := strings.Cut(s, " "+a+" ")
			return append(f[:i+1:i+1], script)
		}
	}
	return f
}

// httpGet reads http://host:port/path; host is mostly empty.
func httpGet(s string) *corev1.HTTPGetAction {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return &corev1.HTTPGetAction{}
	}
	a := &corev1.HTTPGetAction{Scheme: corev1.URIScheme(strings.ToUpper(scheme))}
	at := strings.IndexByte(rest, '/')
	if at < 0 {
		at = len(rest)
	}
	a.Path = rest[at:]
	if p, err := url.PathUnescape(a.Path); err == nil {
		a.Path = p
	}
	host := rest[:at]
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		a.Port = view.IntOrString(host[i+1:])
		host = host[:i]
	}
	a.Host = strings.Trim(host, "[]")
	return a
}
