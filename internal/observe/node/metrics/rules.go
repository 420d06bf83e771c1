package metrics

import (
	"fmt"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// rule is one trouble that metrics show.
type rule struct {
	component, problem, unit string
	families                 []string
	// value is what is compared; text what it means. ok is false if nothing is
	// known.
	value     func(before, now Snapshot, at time.Time) (value float64, text string, ok bool)
	threshold float64
	// source is where the threshold comes from.
	source string
}

// enough is how many calls a hundredth needs: of fewer it is not one.
const enough = 100

var rules = []rule{
	{
		component: "etcd", problem: "slow", unit: "seconds", threshold: 0.5,
		families: []string{"etcd_disk_wal_fsync_duration_seconds"},
		value:    slowest("etcd_disk_wal_fsync_duration_seconds", "its log to the disk", nil),
		source:   "etcd's alert etcdHighFsyncDurations (p99 above 0.5 s; its documentation wants 10 ms)",
	},
	{
		component: "etcd", problem: "slow", unit: "seconds", threshold: 0.25,
		families: []string{"etcd_disk_backend_commit_duration_seconds"},
		value:    slowest("etcd_disk_backend_commit_duration_seconds", "its database to the disk", nil),
		source:   "etcd's alert etcdHighCommitDurations (p99 above 0.25 s)",
	},
	{
		component: "etcd", problem: "quota", unit: "share", threshold: 0.95,
		families: []string{"etcd_mvcc_db_total_size_in_bytes", "etcd_server_quota_backend_bytes"},
		value: func(_, now Snapshot, _ time.Time) (float64, string, bool) {
			used, ok1 := now.gauge("etcd_mvcc_db_total_size_in_bytes", nil)
			quota, ok2 := now.gauge("etcd_server_quota_backend_bytes", nil)
			if !ok1 || !ok2 || quota == 0 {
				return 0, "", false
			}
			return used / quota, fmt.Sprintf("its database takes %.0f of %.0f bytes; at the quota it takes no more writes", used, quota), true
		},
		source: "etcd's alert etcdDatabaseQuotaLowSpace (above 95 %)",
	},
	{
		component: "etcd", problem: "no-quorum", unit: "members", threshold: 1,
		families: []string{"etcd_server_has_leader"},
		value: func(_, now Snapshot, _ time.Time) (float64, string, bool) {
			members := float64(len(now["etcd_server_has_leader"].GetMetric()))
			led, ok := now.gauge("etcd_server_has_leader", nil)
			return members - led, fmt.Sprintf("%.0f of %.0f members here know no leader", members-led, members), ok
		},
		source: "etcd's alert etcdNoLeader",
	},
	{
		component: "kube-apiserver", problem: "overloaded", unit: "requests", threshold: 1,
		families: []string{"apiserver_flowcontrol_rejected_requests_total"},
		value: func(before, now Snapshot, _ time.Time) (float64, string, bool) {
			n := growth(before, now, "apiserver_flowcontrol_rejected_requests_total", notCancelled)
			return n, fmt.Sprintf("it turned %.0f requests away (429)", n), true
		},
		source: "Kubernetes' documentation of priority and fairness: a request is rejected when its queues are full or it has waited too long",
	},
	{
		component: "kube-apiserver", problem: "overloaded", unit: "requests", threshold: 1,
		families: []string{"apiserver_request_terminations_total"},
		value: func(before, now Snapshot, _ time.Time) (float64, string, bool) {
			n := growth(before, now, "apiserver_request_terminations_total", nil)
			return n, fmt.Sprintf("it ended %.0f requests in self-defence", n), true
		},
		source: "Kubernetes-mixin's alert KubeAPITerminatedRequests",
	},
	{
		component: "kube-apiserver", problem: "overloaded", unit: "requests", threshold: 540,
		families: []string{"apiserver_current_inflight_requests"},
		value: func(_, now Snapshot, _ time.Time) (float64, string, bool) {
			n, ok := now.gauge("apiserver_current_inflight_requests", nil)
			return n, fmt.Sprintf("it serves %.0f requests at once", n), ok
		},
		source: "90 % of the defaults of --max-requests-inflight and --max-mutating-requests-inflight, 400 and 200",
	},
	{
		component: "kube-apiserver", problem: "slow", unit: "seconds", threshold: 1,
		families: []string{"apiserver_request_duration_seconds"},
		value:    slowest("apiserver_request_duration_seconds", "requests about one object", single),
		source:   "Kubernetes' service level objective for latency: p99 within 1 s",
	},
	{
		component: "kubelet", problem: "error", unit: "seconds", threshold: 180,
		families: []string{"kubelet_pleg_last_seen_seconds"},
		value: func(_, now Snapshot, at time.Time) (float64, string, bool) {
			seen, ok := now.gauge("kubelet_pleg_last_seen_seconds", nil)
			if !ok || seen == 0 {
				return 0, "", false
			}
			ago := float64(at.UnixMilli())/1000 - seen
			return ago, fmt.Sprintf("it has not looked at its containers for %.0f s", ago), true
		},
		source: "the kubelet's own bound, after which its node is not ready (3 min)",
	},
	{
		component: "containerd", problem: "slow", unit: "seconds", threshold: 10,
		families: []string{"kubelet_runtime_operations_duration_seconds"},
		value:    slowest("kubelet_runtime_operations_duration_seconds", "the kubelet's calls", quick),
		source:   "Kubernetes-mixin's alert KubeletPlegDurationHigh (p99 of 10 s)",
	},
	{
		component: "containerd", problem: "error", unit: "calls", threshold: 5,
		families: []string{"kubelet_runtime_operations_errors_total"},
		value: func(before, now Snapshot, _ time.Time) (float64, string, bool) {
			n := growth(before, now, "kubelet_runtime_operations_errors_total", quick)
			return n, fmt.Sprintf("%.0f of the kubelet's calls failed", n), true
		},
		source: "our choice: single failures are races with containers that end",
	},
}

// wanted are the families of all rules and of the probes.
var wanted = func() map[string]bool {
	all := map[string]bool{probeTotal: true, probeDuration: true}
	for _, r := range rules {
		for _, f := range r.families {
			all[f] = true
		}
	}
	return all
}()

// slowest is the 99th percentile.
func slowest(family, what string, m match) func(before, now Snapshot, at time.Time) (float64, string, bool) {
	return func(before, now Snapshot, _ time.Time) (float64, string, bool) {
		value, count := quantile(before, now, family, 0.99, m)
		return value, fmt.Sprintf("the slowest hundredth of %d (%s) took %.2f s or longer", count, what, value), count >= enough
	}
}

// notCancelled leaves out requests that their clients gave up.
func notCancelled(label func(string) string) bool { return label("reason") != "cancelled" }

// single are requests about one object; watches and the like last on purpose.
func single(label func(string) string) bool {
	switch label("verb") {
	case "GET", "POST", "PUT", "PATCH", "DELETE", "APPLY":
		return label("scope") == "resource" && (label("subresource") == "" || label("subresource") == "status")
	}
	return false
}

// quick are calls that last as long as the runtime needs, and fail by its fault:
// not those that run programs, wait for containers or pull.
func quick(label func(string) string) bool {
	switch label("operation_type") {
	case "exec_sync", "exec", "attach", "port_forward", "stop_container", "stop_podsandbox", "pull_image", "container_status", "podsandbox_status", "get_container_events":
		return false
	}
	return true
}

// Trouble are the rules that hold between two snapshots. key tells them apart.
func Trouble(before, now Snapshot, at time.Time) map[string]record.Component {
	found := map[string]record.Component{}
	for _, r := range rules {
		present := true
		for _, f := range r.families {
			present = present && now[f] != nil
		}
		if !present {
			continue
		}
		value, text, ok := r.value(before, now, at)
		if ok && value >= r.threshold {
			found[r.component+" "+r.families[0]] = record.Component{Name: r.component, Problem: r.problem, Message: text, Value: value, Unit: r.unit}
		}
	}
	return found
}
