package graph

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/facts"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/recordtest"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/rules"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func key(kind, name string) model.Key {
	k := model.Key{Kind: kind, Name: name}
	if kind != model.KindNode {
		k.Namespace = recordtest.Namespace
	}
	return k
}

var (
	cart    = key(model.KindDeployment, "cart")
	web     = key(model.KindDeployment, "web")
	service = key(model.KindService, "cart")
	node    = key(model.KindNode, "n1")
	scaler  = key(model.KindHPA, "cart")
	conf    = key(model.KindConfigMap, "cart")
	other   = key(model.KindQuota, "other")
)

// related are, for each relation, a cause's and an effect's object that stand in it,
// and the same with an effect that does not.
var related = map[rules.Relation]struct{ cause, effect, not model.Key }{
	rules.Same:      {cart, cart, web},
	rules.Target:    {cart, cart, web},
	rules.Selects:   {cart, service, key(model.KindService, "web")},
	rules.LeadsTo:   {service, cart, web},
	rules.Calls:     {cart, web, cart},
	rules.RunsOn:    {node, cart, node},
	rules.OnNode:    {cart, node, key(model.KindNode, "n2")},
	rules.Uses:      {conf, cart, web},
	rules.Scales:    {scaler, cart, web},
	rules.Scaled:    {cart, scaler, node},
	rules.Names:     {cart, other, web},
	rules.Namespace: {other, cart, node},
	rules.Cluster:   {key("Component", "etcd"), web, model.Key{}},
}

func shop() *model.Model {
	c := recordtest.New()
	c.Deployment("cart").Spec.Template.Spec.Volumes = []corev1.Volume{{Name: "c", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "cart"}}}}}
	h := &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Name: "cart", Namespace: recordtest.Namespace}}
	h.Spec.ScaleTargetRef = autoscalingv2.CrossVersionObjectReference{Kind: "Deployment", Name: "cart"}
	c.Put(h)
	m := model.New()
	for _, r := range c.Records() {
		m.Add(r)
	}
	return m
}

func pair(r rules.Rule, cause, effect model.Key) []facts.Fact {
	out := []facts.Fact{
		{ID: r.Cause, Object: cause, Still: true, Since: recordtest.Start, Strength: 0.9},
		{ID: r.Effect, Object: effect, Still: true, Since: recordtest.Start.Add(time.Minute), Strength: 0.9},
	}
	out[1].Message, _, _ = strings.Cut(r.Says, "|")
	if r.Relation == rules.Names && cause == cart && effect == other {
		out[0].About = []model.Key{other}
	}
	return out
}

// Each row joins two facts that stand in its relation, and does not join those that
// do not, or whose cause was over before.
func TestEveryRule(t *testing.T) {
	m := shop()
	joins := func(f []facts.Fact, by ...rules.Relation) bool {
		g := Build(m, f, time.Time{})
		return slices.ContainsFunc(g.Edges, func(e Edge) bool {
			return e.Cause == 0 && e.Effect == 1 && (len(by) == 0 || by[0] == e.Rule.Relation)
		})
	}
	for _, r := range rules.Table() {
		if r.Cause == r.Effect && r.Relation == rules.Same {
			t.Errorf("%s explains itself", r.Cause)
		}
		o, ok := related[r.Relation]
		if !ok {
			t.Fatalf("no objects in the relation %s", r.Relation)
		}
		f := pair(r, o.cause, o.effect)
		if !joins(f) {
			t.Errorf("%s of %s does not explain %s of %s (%s)", r.Cause, o.cause, r.Effect, o.effect, r.Relation)
		}
		if f[1].Message = "something else"; r.Says != "" && joins(f) {
			t.Errorf("%s explains %s though that says something else", r.Cause, r.Effect)
		}
		f[0].Still, f[0].Until = false, recordtest.Start.Add(-time.Hour)
		if joins(f) {
			t.Errorf("%s explains %s though it was over", r.Cause, r.Effect)
		}
		if o.not != (model.Key{}) && joins(pair(r, o.cause, o.not), r.Relation) {
			t.Errorf("%s of %s explains %s of %s, which has nothing to do with it (%s)", r.Cause, o.cause, r.Effect, o.not, r.Relation)
		}
	}
}
