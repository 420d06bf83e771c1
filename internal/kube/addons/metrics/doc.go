// Package metrics serves metrics.k8s.io, behind `kubectl top` and the
// HorizontalPodAutoscaler, with metrics-server's own parts in this process.
//
// A scraper asks each kubelet every 15 s; a storage keeps the last two answers;
// the API group reads from it. The group hangs below kube-apiserver in the same
// process, as one of its delegates (see Install): requests come authenticated,
// authorised and audited, and there is no port, no certificate and no proxying.
// Its one rule: nothing here holds up or fails the API server.
package metrics
