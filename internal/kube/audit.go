package kube

import (
	"fmt"
	"os"
)

// auditPolicy records who did what to which object, never the content. Left
// out is what says nothing about anybody's deeds: health checks, and the reads
// and lease renewals by which the components themselves live.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  nonResourceURLs: ["/healthz*", "/livez*", "/readyz*", "/version", "/openapi/*", "/apis*", "/api*"]
  verbs: [get]
- level: None
  users: ["system:kube-controller-manager", "system:kube-scheduler", "system:kube-proxy", "system:apiserver", "bulkhead:daemon"]
  verbs: [get, list, watch]
- level: None
  userGroups: ["system:nodes", "system:serviceaccounts:kube-system"]
  verbs: [get, list, watch]
- level: None
  userGroups: ["system:nodes"]
  resources: [{group: coordination.k8s.io, resources: [leases]}]
- level: None
  resources: [{group: "", resources: [events]}, {group: events.k8s.io, resources: [events]}]
- level: Metadata
`

func (o *Options) writeAuditPolicy() (string, error) {
	if err := os.MkdirAll(o.path("log"), 0o700); err != nil {
		return "", fmt.Errorf("make the folder for logs: %w", err)
	}
	return o.writeSettings("audit-policy.yaml", []byte(auditPolicy))
}
