package openapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/google/uuid"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/mux"
	"k8s.io/apiserver/pkg/server/routes"
	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/handler3"
)

const (
	pathV2 = "/openapi/v2"
	pathV3 = "/openapi/v3"
)

// documents are those of one API server.
type documents struct {
	groups func() []string     // the names of version 3's documents
	v2, v3 func() http.Handler // make the documents at their first call
	list   func() []byte       // of version 3, made at its first call
}

// Install serves the documents of server, whose configuration must have
// SkipOpenAPIInstallation. All its APIs must be installed before the first
// request.
func Install(server *genericapiserver.GenericAPIServer, v2 *common.Config, v3 *common.OpenAPIV3Config) {
	container := server.Handler.GoRestfulContainer
	d := &documents{
		groups: func() (names []string) {
			for _, service := range container.RegisteredWebServices() {
				names = append(names, strings.TrimPrefix(service.RootPath(), "/"))
			}
			return names
		},
		v2: sync.OnceValue(func() http.Handler {
			m := mux.NewPathRecorderMux("openapi-v2")
			routes.OpenAPI{Config: v2}.InstallV2(container, m)
			return m
		}),
		v3: sync.OnceValue(func() http.Handler {
			m := mux.NewPathRecorderMux("openapi-v3")
			routes.OpenAPI{V3Config: v3}.InstallV3(container, m)
			return m
		}),
	}
	d.register(server.Handler.NonGoRestfulMux)
}

func (d *documents) register(paths *mux.PathRecorderMux) {
	d.list = sync.OnceValue(d.makeList)
	paths.HandleFunc(pathV2, func(w http.ResponseWriter, r *http.Request) { d.v2().ServeHTTP(w, r) })
	paths.HandleFunc(pathV3, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(d.list()) // an error says that the client is gone
	})
	paths.HandlePrefix(pathV3+"/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { d.v3().ServeHTTP(w, r) }))
}

// makeList names the documents, with a hash that differs from run to run:
// clients keep a document for as long as its hash stays the same.
func (d *documents) makeList() []byte {
	run := strings.ReplaceAll(uuid.NewString(), "-", "")
	list := handler3.OpenAPIV3Discovery{Paths: map[string]handler3.OpenAPIV3DiscoveryGroupVersion{}}
	for _, group := range d.groups() {
		list.Paths[group] = handler3.OpenAPIV3DiscoveryGroupVersion{ServerRelativeURL: fmt.Sprintf("%s/%s?hash=%s", pathV3, group, run)}
	}
	data, err := json.Marshal(list)
	if err != nil {
		return []byte("{}") // strings alone: it cannot fail
	}
	return data
}
