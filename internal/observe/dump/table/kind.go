package table

import "github.com/bulkhead-k8s/bulkhead/internal/observe/dump/view"

// kindOf tells a table's kind by its columns; "" if several kinds have them.
func kindOf(c view.Columns) string {
	for _, k := range []struct {
		kind    string
		columns []string
	}{
		{"Event", []string{"TYPE", "REASON", "MESSAGE"}},
		{"Node", []string{"CPU(cores)", "CPU%"}},
		{"Node", []string{"CPU(cores)", "CPU(%)"}},
		{"Pod", []string{"CPU(cores)"}},
		{"Pod", []string{"READY", "STATUS", "RESTARTS"}},
		{"DaemonSet", []string{"DESIRED", "CURRENT", "READY", "NODE SELECTOR"}},
		{"Deployment", []string{"READY", "UP-TO-DATE", "AVAILABLE", "AGE"}},
		{"ReplicaSet", []string{"DESIRED", "CURRENT", "READY"}},
		{"Job", []string{"COMPLETIONS", "DURATION"}},
		{"CronJob", []string{"SCHEDULE", "SUSPEND"}},
		{"Service", []string{"TYPE", "CLUSTER-IP"}},
		{"EndpointSlice", []string{"ADDRESSTYPE"}},
		{"Endpoints", []string{"ENDPOINTS"}},
		{"Node", []string{"STATUS", "ROLES", "VERSION"}},
		{"PersistentVolumeClaim", []string{"STATUS", "VOLUME", "CAPACITY"}},
		{"PersistentVolume", []string{"CAPACITY", "RECLAIM POLICY"}},
		{"StorageClass", []string{"PROVISIONER", "RECLAIMPOLICY"}},
		{"Ingress", []string{"HOSTS", "ADDRESS", "PORTS"}},
		{"IngressClass", []string{"CONTROLLER", "PARAMETERS"}},
		{"HorizontalPodAutoscaler", []string{"REFERENCE", "TARGETS"}},
		{"PodDisruptionBudget", []string{"MIN AVAILABLE", "MAX UNAVAILABLE"}},
		{"NetworkPolicy", []string{"POD-SELECTOR"}},
		{"ServiceAccount", []string{"SECRETS", "AGE"}},
		{"Secret", []string{"TYPE", "DATA"}},
		{"ConfigMap", []string{"DATA", "AGE"}},
		{"ResourceQuota", []string{"REQUEST", "LIMIT"}},
		{"PriorityClass", []string{"VALUE", "GLOBAL-DEFAULT"}},
		{"RoleBinding", []string{"ROLE", "AGE"}},
		{"Lease", []string{"HOLDER"}},
		{"StatefulSet", []string{"READY", "AGE"}},
		{"Namespace", []string{"STATUS", "AGE"}},
	} {
		if c.Has(k.columns...) {
			return k.kind
		}
	}
	return ""
}
