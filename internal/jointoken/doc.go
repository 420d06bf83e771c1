// Package jointoken is the text by which a machine joins a cluster:
//
//	abcdef.0123456789abcdef@sha256:HASH
//
// a bootstrap token of Kubernetes' and the hash of the public key of the
// certificate authority that the server must have, as kubeadm pins it, so that
// who has the text needs to trust nobody on the way. Its one rule: a text that
// lacks the hash is no token.
package jointoken
