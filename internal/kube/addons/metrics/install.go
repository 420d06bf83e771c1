package metrics

import (
	"fmt"
	"net"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/endpoints/openapi"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/util/compatibility"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/metrics-server/pkg/api"
	generatedopenapi "sigs.k8s.io/metrics-server/pkg/api/generated/openapi"
)

// Group and Version are what is served.
const (
	Group   = "metrics.k8s.io"
	Version = "v1beta1"
)

// Install makes host answer for metrics.k8s.io. host is the kube-apiserver that
// the aggregator delegates to, and the aggregator hands over to it what an
// APIService without a Service names.
//
// The group has an API server object of its own, whose handler is mounted in
// host's: host cannot install the group itself, because its OpenAPI definitions
// do not have these types.
func (s *Server) Install(host *genericapiserver.GenericAPIServer) error {
	own, err := s.apiServer(host)
	if err != nil {
		return fmt.Errorf("serve %s: %w", Group, err)
	}
	mux := host.Handler.NonGoRestfulMux
	mux.UnlistedHandle("/apis/"+Group, own.UnprotectedHandler())
	mux.UnlistedHandlePrefix("/apis/"+Group+"/", own.UnprotectedHandler())
	return nil
}

func (s *Server) apiServer(host *genericapiserver.GenericAPIServer) (*genericapiserver.GenericAPIServer, error) {
	config := genericapiserver.NewConfig(api.Codecs)
	config.EffectiveVersion = compatibility.DefaultBuildEffectiveVersion()
	// Neither is used: the server listens nowhere and calls nobody.
	config.LoopbackClientConfig = &rest.Config{}
	config.ExternalAddress = net.JoinHostPort("127.0.0.1", "443")
	config.EnableIndex, config.EnableProfiling, config.EnableMetrics, config.EnableDiscovery = false, false, false, false
	config.SkipOpenAPIInstallation = true
	namer := openapi.NewDefinitionNamer(api.Scheme)
	config.OpenAPIConfig = genericapiserver.DefaultOpenAPIConfig(generatedopenapi.GetOpenAPIDefinitions, namer)
	config.OpenAPIV3Config = genericapiserver.DefaultOpenAPIV3Config(generatedopenapi.GetOpenAPIDefinitions, namer)
	// The group then appears where clients look for groups.
	config.AggregatedDiscoveryGroupManager = host.AggregatedDiscoveryGroupManager

	own, err := config.Complete(nil).New("metrics-server", genericapiserver.NewEmptyDelegate())
	if err != nil {
		return nil, err
	}
	pods := s.pods.ForResource(v1.SchemeGroupVersion.WithResource("pods")).Lister()
	nodes := s.nodes.Core().V1().Nodes().Lister()
	if err := api.Install(s.storage, pods, nodes, own, nil); err != nil {
		return nil, err
	}
	return own, nil
}
