// Package podnetwork lets pods reach those of other nodes, through flannel's
// backends.
//
//	Nodes ──► leases (a Node's range of pods and its address) ──► flannel: vxlan | host-gw
//
// flannel's backends are used as they are; what they ask for, who has which range,
// is answered here from the Nodes, in the annotations that flannel uses. Its one
// rule: while there is one node nothing is made on it, no interface and no route.
package podnetwork
