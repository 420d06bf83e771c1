package sight

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/recordtest"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

func modelOf(c *recordtest.Cluster) *model.Model {
	m := model.New()
	for _, r := range c.Records() {
		m.Add(r)
	}
	return m
}

func TestViewOfACrash(t *testing.T) {
	c := recordtest.New()
	c.Crashes("web", 134, "Error")
	pod := recordtest.Ref(c.Pod("web"))
	c.Say(pod, &record.Exit{Container: "web", Code: 134, Reason: "Error"})
	c.Say(pod, &record.CoreDump{Container: "web", Signal: 6, Bytes: 5 << 20, Stack: []string{"abort", "parse", "handle"}})
	c.Node("n2").Status.Conditions = append(c.Node("n2").Status.Conditions, corev1.NodeCondition{Type: corev1.NodeDiskPressure, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(recordtest.Now.Add(-time.Minute))})
	h := &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Name: "scale-web", Namespace: recordtest.Namespace}}
	h.Spec.ScaleTargetRef = autoscalingv2.CrossVersionObjectReference{Kind: "Deployment", Name: "web"}
	c.Put(h)
	c.Put(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: recordtest.Namespace, Labels: map[string]string{"team": "a"}}})

	v := Of(modelOf(c), recordtest.Now)
	w := v.Workloads[v1alpha1.ObjectRef{Kind: "Deployment", Namespace: recordtest.Namespace, Name: "web"}]
	if w == nil || len(w.Pods) != 1 || w.Scaler != "scale-web" || w.CoreBytes != 5<<20 || w.NamespaceLabels["team"] != "a" || w.Replicas != 1 {
		t.Fatalf("%+v", w)
	}
	p := w.Pods[0]
	if p.Ready || p.Pending || p.Stuck != "CrashLoopBackOff" || p.Restarts != 7 || len(p.Ends) != 2 || p.Owner != w {
		t.Errorf("%+v", p)
	}
	for _, e := range p.Ends {
		want := "web on signal 6"
		if e.Time.Equal(recordtest.Now) {
			want += " at abort < parse < handle"
		}
		if e.Outside || e.Signature != want {
			t.Errorf("%+v, want %s", e, want)
		}
	}
	if n := v.Nodes["n2"]; n.Ill != "DiskPressure" || !n.IllSince.Equal(recordtest.Now.Add(-time.Minute)) || v.Nodes["n1"].Ill != "" {
		t.Errorf("%+v %+v", v.Nodes["n1"], n)
	}
	if len(v.OnNode["n1"]) != 3 {
		t.Errorf("on n1 are %d pods", len(v.OnNode["n1"]))
	}
}

func TestEndsFromOutside(t *testing.T) {
	for _, c := range []struct {
		code, signal int
		reason       string
		want         bool
	}{
		{137, 0, "Error", true}, {143, 0, "Error", true}, {0, 9, "", true},
		{137, 0, "OOMKilled", false}, {134, 0, "Error", false}, {1, 0, "Error", false}, {0, 11, "", false},
	} {
		if got := outside(c.code, c.signal, c.reason); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestRollbackIsANewRevision(t *testing.T) {
	c := recordtest.New()
	set := func(hash, number string) *appsv1.ReplicaSet {
		yes := true
		return &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Name: "web-" + hash, Namespace: recordtest.Namespace, CreationTimestamp: metav1.NewTime(recordtest.Start),
			Labels: map[string]string{"pod-template-hash": hash}, Annotations: map[string]string{"deployment.kubernetes.io/revision": number},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: "web", Controller: &yes}}}}
	}
	c.Put(set("6d5f7c8b9d", "3"))
	bad := c.Deployment("web").DeepCopy()
	bad.Spec.Template.Spec.Containers[0].Image = "registry.example/web:2"
	c.Was(bad, 5*time.Minute)
	c.Put(set("7c6f8d9b5c", "2"))
	w := Of(modelOf(c), recordtest.Now).Workloads[v1alpha1.ObjectRef{Kind: "Deployment", Namespace: recordtest.Namespace, Name: "web"}]
	if w.Revision != "6d5f7c8b9d" || !w.RevisionSince.Equal(recordtest.Now.Add(-5*time.Minute)) {
		t.Errorf("revision %s since %s", w.Revision, w.RevisionSince)
	}
}

// A view of 1,000 nodes and 10,000 pods.
func BenchmarkView(b *testing.B) {
	m := model.New()
	add := func(o metav1.Object) {
		data, err := json.Marshal(o)
		if err != nil {
			b.Fatal(err)
		}
		m.Add(record.Record{Time: recordtest.Now, Object: recordtest.Ref(o), Payload: &record.State{Whole: data}})
	}
	for i := range 1000 {
		add(recordtest.Node(fmt.Sprintf("n%d", i)))
	}
	c := recordtest.New()
	for i := range 500 {
		d := c.Deployment("web").DeepCopy()
		d.Name = fmt.Sprintf("web%d", i)
		add(d)
		for k := range 20 {
			p := c.Pod("web").DeepCopy()
			p.Name = fmt.Sprintf("%s-6d5f7c8b9d-aaa%02d", d.Name, k)
			p.OwnerReferences[0].Name = d.Name + "-6d5f7c8b9d"
			p.Spec.NodeName = fmt.Sprintf("n%d", (i*20+k)%1000)
			add(p)
		}
	}
	m.Pods() // the diagnosis has made the index already
	for b.Loop() {
		Of(m, recordtest.Now)
	}
}
