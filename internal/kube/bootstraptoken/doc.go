// Package bootstraptoken makes, lists and deletes the tokens by which machines
// join: Secrets of Kubernetes' own kind, which the API server authenticates and
// the controller manager deletes once they have expired
// (https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/).
// Its one rule: who lists tokens sees no secret.
package bootstraptoken
