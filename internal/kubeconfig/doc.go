// Package kubeconfig puts a cluster into the user's kubeconfig and takes it out
// again.
//
// Merge and Remove edit the file's YAML tree, so that everything else in it,
// comments included, stays as it was. Entries carry the data directory of the
// cluster that they lead to. Its one rule: an entry that does not say that it is
// ours is never changed.
package kubeconfig
