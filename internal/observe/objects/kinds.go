package objects

import (
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/resource"
)

// makers own what runs pods. They are listed first, so that the first record of a
// pod has its whole chain of owners.
var makers = []string{"deployments", "statefulsets", "daemonsets", "cronjobs", "replicasets", "jobs"}

// others are the rest of what explains why something does not work. Leases are
// left out: they change every few seconds and say what the nodes' conditions say.
var others = []string{
	"pods", "nodes", "namespaces", "services", "endpointslices", "horizontalpodautoscalers", "poddisruptionbudgets",
	"persistentvolumeclaims", "persistentvolumes", "storageclasses", "volumeattachments", "configmaps", "secrets",
	"serviceaccounts", "networkpolicies", "resourcequotas", "limitranges", "ingresses",
	"validatingwebhookconfigurations", "mutatingwebhookconfigurations", "customresourcedefinitions", "apiservices", "events",
}

// kinds are the rows of names.
func kinds(names []string) []resource.Kind {
	known := resource.NewNames()
	out := make([]resource.Kind, 0, len(names))
	for _, name := range names {
		if k, ok := known.Find(name); ok {
			out = append(out, k)
		}
	}
	return out
}

// Kinds are all that are observed.
func Kinds() []resource.Kind { return append(kinds(makers), kinds(others)...) }

// path is where a kind's objects of all namespaces are, or of one.
func path(k resource.Kind, namespace string) string {
	p := "/apis/" + k.Group + "/" + k.Version
	if k.Group == "" {
		p = "/api/" + k.Version
	}
	if namespace != "" && k.Namespaced {
		p += "/namespaces/" + namespace
	}
	return p + "/" + k.Plural
}
