package facts

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
	"github.com/bulkhead-k8s/bulkhead/internal/lazyregexp"
)

// refusals are what the API server says when it does not let a pod be made.
var refusals = []struct {
	id   string
	expr *lazyregexp.Regexp
	kind string // of the object that the first group names, if that is the culprit
	text string
}{
	{"ServiceAccountMissing", lazyregexp.New(`serviceaccount "([^"]+)" not found`), model.KindAccount,
		"its pods run as the ServiceAccount %s, which does not exist"},
	{"QuotaExceeded", lazyregexp.New(`exceeded quota: ([^,\s]+)`), model.KindQuota, "the ResourceQuota %s of its namespace is used up"},
	{"QuotaNeedsRequests", lazyregexp.New(`failed quota: ([^:\s]+): must specify`), model.KindQuota,
		"the ResourceQuota %s wants requests or limits that its pods do not state"},
	{"LimitRangeViolated", lazyregexp.New(`(?:maximum|minimum) \S+ usage per (?:Container|Pod)|max limit to request ratio`), "",
		"its pods ask for what the namespace's LimitRange forbids"},
	{"PodSecurityDenied", lazyregexp.New(`violates PodSecurity "([^"]+)"`), "", "its pods do not keep to the namespace's pod security level %s"},
	{"WebhookDown", lazyregexp.New(`failed calling webhook "([^"]+)"`), "Webhook", "the admission webhook %s does not answer, and its policy is to refuse then"},
	{"WebhookDenied", lazyregexp.New(`admission webhook "([^"]+)" denied the request`), "", "the admission webhook %s refuses its pods"},
	{"PriorityClassMissing", lazyregexp.New(`no PriorityClass with name (\S+) was found`), "", "its pods name the PriorityClass %s, which does not exist"},
	{"InvalidPodSpec", lazyregexp.New(`is invalid: (.{3,120})`), "", "its pods are not valid: %s"},
}

// admission finds why pods are not made.
func admission(m *model.Model, emit func(Fact)) {
	m.EachEvents(func(k model.Key, events []*model.Event) {
		for _, e := range events {
			if !e.Warning || !strings.HasPrefix(e.Reason, "FailedCreate") && e.Reason != "ReplicaSetCreateError" {
				continue
			}
			refused(m, k, e.Message, evidence("event", e.Reason+": "+e.Message, e.Last), e, emit)
		}
	})
	for _, o := range m.Objects(model.KindReplicaSet) {
		for _, c := range conditions(o) {
			if c.Type == "ReplicaFailure" && c.Status == corev1.ConditionTrue && c.Message != "" {
				e := &model.Event{First: c.Time, Last: m.Now}
				refused(m, o.Key, c.Message, evidence("state", "condition ReplicaFailure: "+c.Message, c.Time), e, emit)
			}
		}
	}
}

func refused(m *model.Model, k model.Key, message string, ev Evidence, e *model.Event, emit func(Fact)) {
	for _, r := range refusals {
		g := r.expr.FindStringSubmatch(message)
		if g == nil {
			continue
		}
		named := ""
		if len(g) > 1 {
			named = g[1]
		}
		f := Fact{ID: r.id, Object: k, Since: e.First, Still: recent(m, e), Evidence: []Evidence{ev}, Strength: 0.97}
		w := eventOwner(m, k)
		if w != nil {
			f.Object = w.Key
			if healthOf(w).fine() && len(w.Pods) > 0 {
				f.Still, f.Gone = false, "all of its pods were made since"
				f.Until = e.Last
			} else if !healthOf(w).fine() {
				f.Still = f.Still || len(w.Pods) == 0
			}
			if len(w.Pods) > 0 && healthOf(w).missing == 0 {
				f.Still, f.Gone, f.Until = false, "its pods were made since", e.Last
			}
		}
		if w == nil && f.Still {
			// Only the event is known: it shows that pods are not made.
			if k.Kind == model.KindReplicaSet {
				f.Object = model.Key{Kind: model.KindDeployment, Namespace: k.Namespace, Name: model.Stem(k.Name)}
			}
			emit(Fact{ID: "PodsMissing", Object: f.Object, Since: e.First, Still: true, Message: "pods cannot be made", Evidence: []Evidence{ev}})
		}
		f.Message = strings.Replace(r.text, "%s", named, 1)
		if r.kind != "" {
			named := model.Key{Kind: r.kind, Namespace: k.Namespace, Name: named}
			if r.kind == "Webhook" {
				named.Namespace = ""
			}
			if r.kind == model.KindQuota || r.kind == "Webhook" {
				f.About = []model.Key{f.Object}
				f.Object = named
				f.Message = quotaText(r.id, named.Name, message)
				f.About = append(f.About, behindWebhook(m, message)...)
			} else {
				f.About = []model.Key{named}
				if m.Get(named) != nil {
					f.Still, f.Gone = false, "it exists now"
				}
			}
		}
		emit(f)
		if r.id == "WebhookDown" {
			badCertificate(f, message, emit)
		}
		return
	}
}

// badCertificate tells why a webhook cannot be asked, where it is its certificate.
func badCertificate(f Fact, message string, emit func(Fact)) {
	switch {
	case strings.Contains(message, "certificate has expired"):
		f.ID, f.Message = "CertificateExpired", "the certificate of the admission webhook "+f.Object.Name+" has expired"
	case strings.Contains(message, "unknown authority"), strings.Contains(message, "certificate is not valid for"), strings.Contains(message, "certificate is valid for"):
		f.ID, f.Message = "CertificateNotTrusted", "the API server does not trust the certificate of the admission webhook "+f.Object.Name
	default:
		return
	}
	emit(f)
}

// webhookAddress is the address of the Service that a webhook is behind.
var webhookAddress = lazyregexp.New(`https://([\w-]+)\.([\w-]+)\.svc`)

// behindWebhook are the Service that should have answered and who serves there.
func behindWebhook(m *model.Model, message string) []model.Key {
	g := webhookAddress.FindStringSubmatch(message)
	if g == nil {
		return nil
	}
	k := model.Key{Kind: model.KindService, Namespace: g[2], Name: g[1]}
	out := []model.Key{k}
	if s := m.Service(k); s != nil && len(s.Workloads) > 0 {
		for _, w := range s.Workloads {
			out = append(out, w.Key)
		}
		return out
	}
	for _, w := range m.WorkloadsNamed(g[1]) {
		if w.Key.Namespace == g[2] {
			out = append(out, w.Key)
		}
	}
	return out
}

var quotaParts = lazyregexp.New(`requested: (.*), used: (.*), limited: (.*)$`)

func quotaText(id, name, message string) string {
	switch id {
	case "QuotaExceeded":
		if g := quotaParts.FindStringSubmatch(message); g != nil {
			return "the ResourceQuota is used up: asked for " + g[1] + ", used " + g[2] + " of " + g[3]
		}
		return "the ResourceQuota is used up"
	case "QuotaNeedsRequests":
		return "the ResourceQuota wants requests or limits that pods do not state"
	}
	return "the admission webhook " + name + " does not answer, and its policy is to refuse then"
}
