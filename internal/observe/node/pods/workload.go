package pods

import (
	"strings"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// Workload is the topmost owner of a pod, as far as the pod's own name and labels
// tell: that is known on each node, whatever the API server says. It is the pod
// itself if they tell nothing.
func Workload(pod record.Ref, labels map[string]string) record.Ref {
	owner := func(kind, name string) record.Ref {
		return record.Ref{Kind: kind, Namespace: pod.Namespace, Name: name}
	}
	before := func(separator string) string { return pod.Name[:max(0, strings.LastIndex(pod.Name, separator))] }
	if hash := labels["pod-template-hash"]; hash != "" {
		if name := before("-" + hash + "-"); name != "" {
			return owner("Deployment", name)
		}
	}
	for _, label := range []string{"batch.kubernetes.io/job-name", "job-name"} {
		if job := labels[label]; job != "" {
			return owner(cronJob(job))
		}
	}
	if labels["controller-revision-hash"] != "" {
		kind := "DaemonSet"
		if labels["statefulset.kubernetes.io/pod-name"] != "" {
			kind = "StatefulSet"
		}
		if name := before("-"); name != "" {
			return owner(kind, name)
		}
	}
	return owner("Pod", pod.Name)
}

// minutes is how many digits the end of a CronJob's Jobs has: the time in minutes.
const minutes = 8

// cronJob is the CronJob whose a Job is by its name, or the Job.
func cronJob(job string) (kind, name string) {
	at := len(job) - minutes - 1
	if at > 0 && job[at] == '-' && strings.Trim(job[at+1:], "0123456789") == "" {
		return "CronJob", job[:at]
	}
	return "Job", job
}
