// Package crds has the CustomResourceDefinitions of this API, as generated.
package crds

import (
	"embed"
	"fmt"

	"sigs.k8s.io/yaml"
)

//go:embed *.yaml
var files embed.FS

// JSON is the definition of a resource, as incidents.
func JSON(plural string) ([]byte, error) {
	data, err := files.ReadFile("bulkhead.dev_" + plural + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("read the definition of %s: %w", plural, err)
	}
	data, err = yaml.YAMLToJSON(data)
	if err != nil {
		return nil, fmt.Errorf("read the definition of %s: %w", plural, err)
	}
	return data, nil
}
