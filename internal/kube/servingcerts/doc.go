// Package servingcerts approves the certificates by which kubelets serve. Upstream
// signs but never approves them, since only who runs the machines knows which
// names a node may have; here a node may have its own name and the addresses of
// its Node object, unless they are somebody else's too. Its one rule: nobody gets a
// certificate for another node, for the API server, or for an address of a Service.
package servingcerts
