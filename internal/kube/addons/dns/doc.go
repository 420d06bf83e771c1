// Package dns answers the cluster's DNS queries on each node, with CoreDNS's
// plugins in this process.
//
// The cluster DNS address is an address of this node, on an interface of its
// own, and its packets bypass connection tracking; so pods and the node itself
// are answered before kube-proxy runs, and whatever kube-proxy does. The plugins
// are those of kubeadm's Corefile, composed here by hand: CoreDNS's own start
// takes klog, signals and the process's exit for itself. The Service kube-dns
// only tells others where DNS is.
//
// Queries go: metrics → failures → loadbalance → cache → kubernetes → loopGuard →
// outside.
// Its one rule: nobody but this node and its pods is answered.
package dns
