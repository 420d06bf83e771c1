// Package crds has the CustomResourceDefinitions of this API, as generated.
package crds

import (
	_ "embed"
	"fmt"

	"sigs.k8s.io/yaml"
)

//go:embed bulkhead.dev_incidents.yaml
var incidents []byte

// Incidents is the definition of Incidents as JSON.
func Incidents() ([]byte, error) {
	data, err := yaml.YAMLToJSON(incidents)
	if err != nil {
		return nil, fmt.Errorf("read the definition of Incidents: %w", err)
	}
	return data, nil
}
