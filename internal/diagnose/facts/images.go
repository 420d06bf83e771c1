package facts

import (
	"strings"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
	"github.com/bulkhead-k8s/bulkhead/internal/lazyregexp"
)

// pullErrors are the classes of what a runtime says when an image does not come.
// The more telling rows come first.
var pullErrors = []struct {
	id   string
	expr *lazyregexp.Regexp
	text string
}{
	{"ImageArchMismatch", lazyregexp.New(`(?i)no match(?:ing manifest)? for (?:platform|\S+/\S+)|no matching manifest`), "has no build for the nodes' processor architecture"},
	{"RegistryUnreachable", lazyregexp.New(`(?i)no such host|server misbehaving|i/o timeout|connection refused|dial tcp.*timeout|TLS handshake timeout|no route to host|network is unreachable|Temporary failure in name resolution|context deadline exceeded|connection reset|unexpected EOF`), "cannot be fetched: its registry cannot be reached"},
	{"RegistryCertificate", lazyregexp.New(`(?i)x509|certificate|http: server gave HTTP response to HTTPS`), "cannot be fetched: the registry's certificate is not trusted"},
	{"ImagePullRateLimited", lazyregexp.New(`(?i)toomanyrequests|rate limit|429`), "cannot be fetched: the registry's rate limit is reached"},
	{"ImagePullUnauthorized", lazyregexp.New(`(?i)unauthorized|authentication required|authorization failed|403 Forbidden|401|denied: |no basic auth credentials|pull access denied|insufficient_scope`), "cannot be fetched without credentials that the pod does not have, or does not exist"},
	{"ImageNotFound", lazyregexp.New(`(?i)not found|manifest unknown|does not exist|name unknown|repository .* not`), "does not exist under that name"},
	{"ImageNameInvalid", lazyregexp.New(`(?i)invalid reference format|InvalidImageName|couldn't parse image`), "has a name that is not valid"},
	{"ImageNeverPulled", lazyregexp.New(`(?i)ErrImageNeverPull|is not present with pull policy of Never`), "is not on the node, and the pod forbids to fetch it"},
}

var imageIn = lazyregexp.New(`image \\?"([^"\\]+)\\?"`)

// images finds images that do not come.
func images(m *model.Model, emit func(Fact)) {
	for _, w := range m.Workloads() {
		for _, p := range w.Pods {
			waits := pulling(p)
			for _, c := range waits {
				// A waiting container's message may only say that it backs off; the
				// events have the first words.
				if !classifyPull(m, w, p, c.Image, c.State.Waiting.Message, evidence("state", clipError(c.State.Waiting.Reason+": "+c.State.Waiting.Message, 240), m.Now), true, emit) {
					classifyPull(m, w, p, c.Image, c.State.Waiting.Reason, evidence("state", c.State.Waiting.Reason, m.Now), true, emit)
				}
			}
			known := false
			for _, e := range m.Events(p.Key) {
				if e.Reason != "Failed" && e.Reason != "InspectFailed" && e.Reason != "ErrImageNeverPull" || !e.Warning {
					continue
				}
				image := ""
				if g := imageIn.FindStringSubmatch(e.Message); g != nil {
					image = g[1]
				} else if len(waits) > 0 {
					image = waits[0].Image
				}
				if image == "" {
					continue
				}
				known = classifyPull(m, w, p, image, e.Message, evidence("event", clipError(e.Reason+": "+e.Message, 240), e.First), len(waits) > 0, emit) || known
			}
			if !known && len(waits) > 0 {
				emit(Fact{ID: "ImagePullFails", Object: w.Key, Still: true, Since: since(p), Pods: []model.Key{p.Key}, Strength: 0.8,
					Message:  strings.TrimSpace("the image "+waits[0].Image) + " does not come",
					Evidence: []Evidence{evidence("state", strings.TrimSpace("container "+waits[0].Name)+" "+waits[0].State.Waiting.Reason, m.Now)}})
			}
		}
	}
}

func pulling(p *model.Pod) []model.ContainerStatus {
	var out []model.ContainerStatus
	for _, c := range p.Statuses() {
		if c.State.Waiting == nil {
			continue
		}
		switch c.State.Waiting.Reason {
		case "ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError", "RegistryUnavailable":
			if c.Image == "" {
				if s := model.Container(p.Spec.PodSpec, c.Name); s != nil {
					c.Image = s.Image
				}
			}
			out = append(out, c)
		}
	}
	return out
}

func classifyPull(m *model.Model, w *model.Workload, p *model.Pod, image, message string, ev Evidence, still bool, emit func(Fact)) bool {
	for _, r := range pullErrors {
		if !r.expr.MatchString(message) {
			continue
		}
		f := Fact{ID: r.id, Object: w.Key, Still: still, Since: since(p), Pods: []model.Key{p.Key}, Strength: 0.95,
			Message: strings.TrimSpace("the image "+image) + " " + r.text, Evidence: []Evidence{ev}}
		if !still {
			f.Gone, f.Until = "the image came since", m.Now
		}
		if s := secretsOf(m, w); r.id == "ImagePullUnauthorized" && s != "" {
			f.Evidence = append(f.Evidence, evidence("state", s, m.Now))
		}
		emit(f)
		return true
	}
	return false
}

// secretsOf says whether the pod has credentials for registries at all.
func secretsOf(m *model.Model, w *model.Workload) string {
	for _, p := range w.Pods {
		if !p.Object.Whole() {
			continue
		}
		if len(p.Spec.ImagePullSecrets) == 0 {
			return "the pod names no imagePullSecrets"
		}
		for _, r := range p.Spec.ImagePullSecrets {
			if m.Absent(model.Key{Kind: model.KindSecret, Namespace: w.Key.Namespace, Name: r.Name}) {
				return "the pull secret " + r.Name + " does not exist"
			}
		}
	}
	return ""
}
