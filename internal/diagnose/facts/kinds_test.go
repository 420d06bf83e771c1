package facts

import (
	"strings"
	"testing"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/recordtest"
)

// What a table of this package can name is a kind of fact.
func TestTablesNameKinds(t *testing.T) {
	known := func(id string) {
		if _, ok := Kinds[id]; !ok {
			t.Errorf("no kind is called %s", id)
		}
	}
	for _, c := range alertClasses {
		known(c.id)
		known("Node" + c.id)
	}
	for _, o := range obstacles {
		known(o.id)
	}
	for _, r := range refusals {
		known(r.id)
	}
	for _, r := range pullErrors {
		known(r.id)
	}
	for _, r := range mountErrors {
		known(r.id)
	}
	for _, r := range nodeEvents {
		known(r.id)
	}
	for _, o := range own {
		known(o.id)
	}
	for _, id := range componentFacts {
		known(id)
	}
	for _, s := range systemLogs {
		known(s.id)
	}
	for id := range whose {
		known(id)
	}
}

func TestKindsSayWhatTheyMeanAndWhatToDo(t *testing.T) {
	for id, k := range Kinds {
		if k.Means == "" || k.Fix == "" || k.Command == "" || k.Cause < 0 || k.Cause > 1 {
			t.Errorf("%s: %+v", id, k)
		}
		if strings.HasSuffix(k.Means, ".") || !strings.HasSuffix(k.Fix, ".") {
			t.Errorf("%s: the meaning is part of a sentence, the remedy is one", id)
		}
	}
}

func TestSystemLogs(t *testing.T) {
	c := recordtest.New()
	c.App("etcd", 2379, "")
	c.Log("etcd", "rejected: mvcc: database space exceeded")
	m := model.New()
	for _, r := range c.Records() {
		m.Add(r)
	}
	for _, f := range Find(m) {
		if f.ID == "EtcdQuota" && f.Object.Name == "etcd" {
			return
		}
	}
	t.Error("etcd's log says that its space is used up, and no fact does")
}
