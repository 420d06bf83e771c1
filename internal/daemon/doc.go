// Package daemon wires bulkheadd together: the one place that knows both
// Kubernetes and Bulkhead's capabilities.
//
// Run takes the data directory's lock, lets doctor look before anything is
// changed, and starts certificates, etcd and containerd side by side, then
// Kubernetes, then the addons. Whoever needs another waits on its ready
// channel; nothing sleeps. Everything that runs belongs to one of the tiers of
// tiers.go, which stop in the reverse order of their start. Its one rule: when
// any part ends, all end in order, and the reason is what Run returns.
package daemon
