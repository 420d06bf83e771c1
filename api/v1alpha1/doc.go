// Package v1alpha1 has the kinds of bulkhead.dev that users write and read.
//
// +kubebuilder:object:generate=true
// +groupName=bulkhead.dev
package v1alpha1
