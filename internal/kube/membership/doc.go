// Package membership is how a machine comes to belong to a cluster, and what the
// server has ready for that.
//
//	agent: token ──► Discover (server's authority, by its hash)
//	             ──► settings of the cluster ──► client certificate (CSR)
//	             ──► Member: kubeconfig, authorities, settings
//	server: Publish (settings, rights of joining and joined machines)
//
// The certificate is asked for by upstream's kubelet code and approved and signed
// by upstream's controllers. Its one rule: after the first time nothing depends on
// the token, so that a machine takes up where it left with what it has on disk.
package membership
