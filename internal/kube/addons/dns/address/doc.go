// Package address gives a node the cluster DNS addresses, and takes them away.
//
// It is apart from package dns so that what cleans a node up needs no DNS. Its
// one rule: whatever it makes on the node bears the interface's name, the
// packet filters' table too, so that it can be found without a record.
package address
