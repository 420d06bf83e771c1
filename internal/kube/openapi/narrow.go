package openapi

import (
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/kube-openapi/pkg/common"
)

// Narrow gives a server the definitions of its own types alone. Those that serve
// CustomResourceDefinitions and APIServices make their documents at the start,
// since others' are added to them, and keep all definitions that they were given:
// those of all of Kubernetes' types were 8 of 93 MB of the daemon's live heap.
func Narrow(server *genericapiserver.RecommendedConfig, definitions common.GetOpenAPIDefinitions) {
	v2 := *server.OpenAPIConfig
	v2.GetDefinitions, v2.Definitions = definitions, nil
	server.OpenAPIConfig = &v2

	v3 := *server.OpenAPIV3Config
	v3.GetDefinitions, v3.Definitions = definitions, nil
	server.OpenAPIV3Config = &v3
}
