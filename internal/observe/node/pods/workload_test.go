package pods

import (
	"testing"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

func TestWorkload(t *testing.T) {
	const hash, revision, job = "pod-template-hash", "controller-revision-hash", "batch.kubernetes.io/job-name"
	for _, c := range []struct {
		pod    string
		labels map[string]string
		want   string
	}{
		{"web-6d5f7c8b9d-abcde", map[string]string{hash: "6d5f7c8b9d"}, "Deployment web"},
		{"web-site-6d5f7c8b9d-abcde", map[string]string{hash: "6d5f7c8b9d"}, "Deployment web-site"},
		{"web", map[string]string{hash: "6d5f7c8b9d"}, "Pod web"}, // who copied its labels
		{"db-0", map[string]string{revision: "db-5c", "statefulset.kubernetes.io/pod-name": "db-0"}, "StatefulSet db"},
		{"agent-x7k2p", map[string]string{revision: "5c"}, "DaemonSet agent"},
		{"import-x7k2p", map[string]string{job: "import"}, "Job import"},
		{"backup-29384123-x7k2p", map[string]string{job: "backup-29384123"}, "CronJob backup"},
		{"backup-2-x7k2p", map[string]string{job: "backup-2"}, "Job backup-2"},
		{"12345678-x7k2p", map[string]string{job: "12345678"}, "Job 12345678"},
		{"bare", nil, "Pod bare"},
	} {
		got := Workload(record.Ref{Kind: "Pod", Namespace: "shop", Name: c.pod}, c.labels)
		if s := got.Kind + " " + got.Name; s != c.want || got.Namespace != "shop" {
			t.Errorf("%s %v: %s in %s, want %s", c.pod, c.labels, s, got.Namespace, c.want)
		}
	}
}
