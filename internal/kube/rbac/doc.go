// Package rbac writes Kubernetes' built-in roles and bindings in place of the
// API server's post-start hook rbac/bootstrap-roles.
//
// Upstream's hook sleeps a second, then asks for each of some 150 objects and
// creates those that are missing, one after the other, each waiting for the
// disk: on a new cluster that is two thirds of the time until /readyz says ok.
// This one lists what there is, four requests, and creates what is missing side
// by side, so that etcd writes many with one sync. Which objects, and how an
// existing one is reconciled with its default, is upstream's code as it is.
//
// Left out is the migration of clusters from before aggregated roles (1.9).
package rbac
