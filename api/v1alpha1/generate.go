package v1alpha1

// The deepcopy functions and the CRDs are generated; run this after a change of
// the types. Numbers with a fraction are meant: a confidence has no unit.
//
//go:generate go run sigs.k8s.io/controller-tools/cmd/controller-gen@v0.23.0 object crd:allowDangerousTypes=true paths=. output:crd:dir=crds
