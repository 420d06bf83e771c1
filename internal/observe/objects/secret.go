package objects

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/resource"
)

// lastApplied is the object again, as a person wrote it.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// strip takes out what must not be kept, and what is large and says nothing. It
// changes the object.
func strip(o resource.Object, key []byte) {
	o.SetManagedFields(nil)
	if a := o.GetAnnotations(); a[lastApplied] != "" {
		delete(a, lastApplied)
		o.SetAnnotations(a)
	}
	switch o := o.(type) {
	case *corev1.Secret:
		hideSecret(o, key)
	case *corev1.Node:
		o.Status.Images = nil
	case *unstructured.Unstructured:
		// The schemas of a CRD may be a megabyte.
		versions, _, _ := unstructured.NestedSlice(o.Object, "spec", "versions")
		for _, v := range versions {
			if m, ok := v.(map[string]any); ok {
				delete(m, "schema")
			}
		}
		if o.GetKind() == "CustomResourceDefinition" && versions != nil {
			_ = unstructured.SetNestedSlice(o.Object, versions, "spec", "versions") // spec is there
		}
	}
}

// hideSecret leaves a Secret's keys. With a key, each value becomes a hash that
// tells whether it changed, and nothing else to who has not the key.
func hideSecret(s *corev1.Secret, key []byte) {
	for name, value := range s.Data {
		s.Data[name] = hash(key, name, value)
	}
	for name, value := range s.StringData {
		s.StringData[name] = string(hash(key, name, []byte(value)))
	}
	// Tools keep copies of contents in annotations.
	for name, value := range s.Annotations {
		s.Annotations[name] = string(hash(key, name, []byte(value)))
	}
}

func hash(key []byte, name string, value []byte) []byte {
	if len(key) == 0 {
		return nil
	}
	h := hmac.New(sha256.New, key)
	h.Write([]byte(name))
	h.Write([]byte{0})
	h.Write(value)
	return []byte("hmac:" + hex.EncodeToString(h.Sum(nil)[:8]))
}
