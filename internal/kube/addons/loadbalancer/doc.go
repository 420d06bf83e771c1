// Package loadbalancer gives Services of type LoadBalancer the addresses of
// the nodes, so that they work with no cloud around.
//
// Services and nodes go into desired, a pure function, which answers with each
// Service's ingress addresses or with what is in the way; the controller writes
// the differences to the Services' status, where kube-proxy finds them and
// programs the addresses. Its one rule: a port of the nodes' addresses belongs
// to one Service at most, and whoever has it keeps it.
package loadbalancer
