package incident

import (
	"cmp"
	"encoding/hex"
	"hash/fnv"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

// news says whether a verdict differs from what is written in what people act on.
func news(a, b *v1alpha1.IncidentStatus) bool {
	return a.FirstCause.Object != b.FirstCause.Object || a.FirstCause.Reason != b.FirstCause.Reason ||
		math.Abs(a.FirstCause.Confidence-b.FirstCause.Confidence) >= 0.1 ||
		!slices.Equal(links(a), links(b)) || !equality.Semantic.DeepEqual(a.BlastRadius, b.BlastRadius)
}

func links(s *v1alpha1.IncidentStatus) []v1alpha1.Link {
	out := make([]v1alpha1.Link, len(s.Chain))
	for i, l := range s.Chain {
		out[i] = v1alpha1.Link{From: l.From, FromReason: l.FromReason, To: l.To, ToReason: l.ToReason}
	}
	return out
}

// same says whether two statuses are the same but for their times of evaluation.
func same(a, b *v1alpha1.IncidentStatus) bool {
	x, y := *a, *b
	x.Conditions, y.Conditions, x.Opened, y.Opened, x.Severity, y.Severity = nil, nil, nil, nil, 0, 0
	return equality.Semantic.DeepEqual(x, y)
}

// identity is what an incident that is not open yet is known by.
func identity(s *v1alpha1.IncidentStatus) string {
	o := s.FirstCause.Object
	if o == (v1alpha1.ObjectRef{}) {
		return "unexplained " + strings.Join(slices.Concat(s.BlastRadius.Nodes, s.BlastRadius.Workloads, s.BlastRadius.Services), " ")
	}
	return o.Kind + "/" + o.Namespace + "/" + o.Name
}

// placeOf is the namespace of an Incident: that of its cause, else of whom it hits.
func placeOf(s *v1alpha1.IncidentStatus) string {
	if len(s.BlastRadius.Namespaces) > 0 {
		return cmp.Or(s.FirstCause.Object.Namespace, s.BlastRadius.Namespaces[0])
	}
	return cmp.Or(s.FirstCause.Object.Namespace, "default")
}

// nameOf is an Incident's name: what failed, and what tells it from others.
func nameOf(s *v1alpha1.IncidentStatus, now time.Time) string {
	h := fnv.New32a()
	h.Write([]byte(identity(s) + s.FirstCause.Reason + now.UTC().Format(time.RFC3339Nano)))
	subject := s.FirstCause.Object.Name
	if subject == "" {
		for _, names := range [][]string{s.BlastRadius.Workloads, s.BlastRadius.Services, s.BlastRadius.Nodes} {
			if len(names) > 0 {
				subject = names[0][strings.LastIndex(names[0], "/")+1:]
				break
			}
		}
	}
	name := strings.Trim(clip(strings.Trim(lower(s.FirstCause.Reason)+"-"+lower(subject), "-."), 200), "-.")
	return cmp.Or(name, "incident") + "-" + hex.EncodeToString(h.Sum(nil))[:6]
}

// lower is a CamelCase word or a name as part of an object's name: KilledBySignal
// is killed-by-signal.
func lower(s string) string {
	var b strings.Builder
	last := rune(0)
	for _, r := range s {
		switch {
		case unicode.IsUpper(r):
			if last != 0 && last != '-' && !unicode.IsUpper(last) {
				b.WriteByte('-')
			}
			b.WriteRune(unicode.ToLower(r))
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.', r == '-':
			b.WriteRune(r)
		default:
			b.WriteByte('-')
		}
		last = r
	}
	return b.String()
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
