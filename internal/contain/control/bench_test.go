package control

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/recordtest"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// From the change of an incident to the brake that is written: one workload of 500
// crashes, on 1,000 nodes with 10,000 pods. The API server is not in it.
func BenchmarkChangeToBrake(b *testing.B) {
	c := recordtest.New()
	c.Crashes("web", 134, "Error")
	m := model.New()
	for _, r := range c.Records() {
		m.Add(r)
	}
	add := func(o metav1.Object) {
		data, err := json.Marshal(o)
		if err != nil {
			b.Fatal(err)
		}
		m.Add(record.Record{Time: recordtest.Now, Object: recordtest.Ref(o), Payload: &record.State{Whole: data}})
	}
	for i := range 1000 {
		add(recordtest.Node(fmt.Sprintf("node%d", i)))
	}
	for i := range 500 {
		d := c.Deployment("cart").DeepCopy()
		d.Name = fmt.Sprintf("cart%d", i)
		add(d)
		for k := range 20 {
			p := c.Pod("cart").DeepCopy()
			p.Name = fmt.Sprintf("%s-6d5f7c8b9d-aaa%02d", d.Name, k)
			p.OwnerReferences[0].Name = d.Name + "-6d5f7c8b9d"
			p.Spec.NodeName = fmt.Sprintf("node%d", (i*20+k)%1000)
			add(p)
		}
	}
	for i := range 4 {
		m.Add(record.Record{Time: recordtest.Now.Add(-time.Duration(i+1) * time.Minute), Object: recordtest.Ref(c.Pod("web")), Payload: &record.Exit{Container: "web", Code: 134}})
	}
	m.Pods() // the diagnosis has made the index already
	in := &v1alpha1.Incident{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "crash"}}
	in.Status.FirstCause = v1alpha1.Cause{Object: v1alpha1.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "web"}, Reason: "CrashedBySignal", Confidence: 0.9}
	for b.Loop() {
		s := &shelf{brakes: map[string]v1alpha1.Brake{}}
		controller := New(Options{Store: s, Cluster: newCluster(b), Now: func() time.Time { return recordtest.Now }})
		controller.Observe(m, []*v1alpha1.Incident{in}, recordtest.Now)
		for _, step := range controller.decide() {
			controller.tell(context.Background(), &step)
		}
		if len(s.brakes) == 0 {
			b.Fatal("nothing is held")
		}
	}
}
