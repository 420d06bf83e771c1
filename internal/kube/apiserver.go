package kube

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"time"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/generated/openapi"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/tools/cache"
	aggregator "k8s.io/kube-aggregator/pkg/generated/openapi"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
	"k8s.io/kubernetes/pkg/controlplane/reconcilers"
	netutils "k8s.io/utils/net"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/inprocess"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/openapi"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/pki"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/rbac"
)

// APIServer is kube-apiserver with the aggregation layer.
type APIServer struct {
	options  *Options
	upstream *options.ServerRunOptions
	clients  *inprocess.Transport // of those in this process
	ready    chan struct{}
}

// NewAPIServer turns settings into kube-apiserver's options. Everything that is
// not named here has upstream's default.
func NewAPIServer(o *Options) (*APIServer, error) {
	s := options.NewServerRunOptions()
	flags := s.Flags() // first: declaring a flag may set its option back to the default
	c := o.Config

	s.GenericServerRunOptions.AdvertiseAddress = net.ParseIP(c.NodeIP)
	if s.GenericServerRunOptions.AdvertiseAddress.IsLoopback() {
		// A simulated cluster on a machine without a network: no endpoint can
		// lead to loopback, and the Service kubernetes.default has no user.
		s.EndpointReconcilerType = string(reconcilers.NoneEndpointReconcilerType)
	}
	s.SecureServing.BindPort = c.HTTPSListenPort
	s.SecureServing.ServerCert.CertKey.CertFile = o.PKI.File(pki.APIServer)
	s.SecureServing.ServerCert.CertKey.KeyFile = o.PKI.File(pki.APIServer)

	s.Etcd.StorageConfig.Transport.ServerList = []string{o.EtcdEndpoint}
	s.Etcd.EtcdServersOverrides = []string{"/events#" + o.EtcdEventsEndpoint}
	if c.SecretsEncryption {
		path, err := o.ensureEncryptionConfig()
		if err != nil {
			return nil, err
		}
		s.Etcd.EncryptionProviderConfigFilepath = path
	}

	s.Authentication.ClientCert.ClientCA = o.PKI.ClientCA.CertFile
	s.Authentication.BootstrapToken.Enable = true
	s.Authentication.RequestHeader.ClientCAFile = o.PKI.FrontProxyCA.CertFile
	s.Authentication.RequestHeader.AllowedNames = []string{"front-proxy-client"}
	s.Authentication.RequestHeader.UsernameHeaders = []string{"X-Remote-User"}
	s.Authentication.RequestHeader.GroupHeaders = []string{"X-Remote-Group"}
	s.Authentication.RequestHeader.ExtraHeaderPrefixes = []string{"X-Remote-Extra-"}
	s.Authentication.ServiceAccounts.KeyFiles = []string{o.PKI.ServiceAccountKeyFile}
	s.Authentication.ServiceAccounts.Issuers = []string{"https://kubernetes.default.svc." + c.ClusterDomain}
	s.ServiceAccountSigningKeyFile = o.PKI.ServiceAccountKeyFile
	s.Authorization.Modes = []string{"Node", "RBAC"}
	s.Admission.GenericAdmission.EnablePlugins = []string{"NodeRestriction"}
	s.AllowPrivileged = true

	s.ProxyClientCertFile = o.PKI.File(pki.FrontProxy)
	s.ProxyClientKeyFile = o.PKI.File(pki.FrontProxy)
	// Aggregated API servers are reached at their endpoints, not through
	// kube-proxy, whose rules may not be there yet.
	s.EnableAggregatorRouting = true

	s.KubeletConfig.TLSClientConfig.CAFile = o.PKI.ServerCA.CertFile
	s.KubeletConfig.TLSClientConfig.CertFile = o.PKI.File(pki.APIServerKubelet)
	s.KubeletConfig.TLSClientConfig.KeyFile = o.PKI.File(pki.APIServerKubelet)
	// Node names need not resolve.
	s.KubeletConfig.PreferredAddressTypes = []string{"InternalIP", "Hostname", "ExternalIP"}

	s.ServiceClusterIPRanges = c.ServiceCIDR
	if err := s.ServiceNodePortRange.Set(c.ServiceNodePortRange); err != nil {
		return nil, fmt.Errorf("--service-node-port-range %q: %w", c.ServiceNodePortRange, err)
	}

	policy, err := o.writeAuditPolicy()
	if err != nil {
		return nil, err
	}
	s.Audit.PolicyFile = policy
	s.Audit.LogOptions.Path = o.path("log", "audit.log")
	s.Audit.LogOptions.MaxSize = 50 // MB
	s.Audit.LogOptions.MaxBackups = 5
	s.Audit.LogOptions.MaxAge = 30 // days
	s.Audit.LogOptions.BatchOptions.Mode = "batch"

	if err := parseArgs("kube-apiserver-arg", flags, c.KubeAPIServerArgs); err != nil {
		return nil, err
	}
	return &APIServer{options: o, upstream: s, clients: inprocess.New(o.PKI.Certificate), ready: make(chan struct{})}, nil
}

// Ready is closed once /readyz says ok.
func (a *APIServer) Ready() <-chan struct{} { return a.ready }

// Listen opens the API server's port, on loopback and on the node's address
// unless --bind-address says otherwise.
func Listen(ctx context.Context, c *config.Config) (net.Listener, error) {
	port := strconv.Itoa(c.HTTPSListenPort)
	addresses := []string{net.JoinHostPort("127.0.0.1", port)}
	switch {
	case c.BindAddress != "" && net.ParseIP(c.BindAddress).IsUnspecified():
		addresses = []string{net.JoinHostPort(c.BindAddress, port)}
	case c.BindAddress != "" && c.BindAddress != "127.0.0.1":
		addresses = append(addresses, net.JoinHostPort(c.BindAddress, port))
	case c.BindAddress == "" && c.NodeIP != "127.0.0.1":
		addresses = append(addresses, net.JoinHostPort(c.NodeIP, port))
	}
	listener, err := netutils.MultiListen(ctx, "tcp", addresses...)
	if err != nil {
		return nil, fmt.Errorf("listen for the API server: %w; set --https-listen-port, or end what holds the port", err)
	}
	return listener, nil
}

// Run serves on listener until ctx ends, then finishes the requests under way.
func (a *APIServer) Run(ctx context.Context, listener net.Listener) error {
	defer a.clients.Close()
	connections := newConnections(listener)
	a.upstream.SecureServing.Listener = connections
	end := a.options.Stages.BeginDetail("API server: options")
	completed, err := a.upstream.Complete(ctx)
	if err == nil {
		err = utilerrors.NewAggregate(completed.Validate())
	}
	end(err)
	if err != nil {
		return fmt.Errorf("kube-apiserver's options: %w", err)
	}
	if completed.InformerName, err = cache.NewInformerName("kube-apiserver"); err != nil {
		return fmt.Errorf("name kube-apiserver's informers: %w", err)
	}

	end = a.options.Stages.BeginDetail("API server: configuration")
	configuration, err := app.NewConfig(completed)
	end(err)
	if err != nil {
		return fmt.Errorf("configure kube-apiserver: %w", err)
	}
	if err := a.connectLoopback(configuration); err != nil {
		return err
	}
	end = a.options.Stages.BeginDetail("API server: install APIs")
	// Ours writes the same roles in a tenth of the time.
	generic := configuration.KubeAPIs.ControlPlane.Generic
	generic.DisabledPostStartHooks.Insert(rbac.HookName)
	generic.SkipOpenAPIInstallation = true
	openapi.Narrow(configuration.ApiExtensions.GenericConfig, apiextensions.GetOpenAPIDefinitions)
	openapi.Narrow(configuration.Aggregator.GenericConfig, aggregator.GetOpenAPIDefinitions)
	chain, err := configuration.Complete()
	if err != nil {
		return fmt.Errorf("configure kube-apiserver: %w", err)
	}
	server, err := app.CreateServerChain(chain)
	end(err)
	if err != nil {
		return fmt.Errorf("build kube-apiserver: %w", err)
	}
	generic.DisabledPostStartHooks.Delete(rbac.HookName)
	if err := server.GenericAPIServer.AddPostStartHook(rbac.HookName, rbac.Hook); err != nil {
		return fmt.Errorf("build kube-apiserver: %w", err)
	}
	host, ok := server.GenericAPIServer.NextDelegate().(*genericapiserver.GenericAPIServer)
	if !ok {
		return fmt.Errorf("build kube-apiserver: the aggregator delegates to a %T", server.GenericAPIServer.NextDelegate())
	}
	if err := a.extend(host); err != nil {
		return err
	}
	generic.OpenAPIV3Config.Definitions = nil // made again when asked for
	openapi.Install(host, generic.OpenAPIConfig, generic.OpenAPIV3Config)
	end = a.options.Stages.BeginDetail("API server: OpenAPI")
	prepared, err := server.PrepareRun()
	end(err)
	if err != nil {
		return fmt.Errorf("prepare kube-apiserver: %w", err)
	}

	a.clients.Serve(server.GenericAPIServer.Handler)
	go a.watchReadiness(ctx, server.GenericAPIServer)
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-generic.DrainedNotify(): // requests under way have been answered
			connections.CloseAll()
			a.clients.Close()
		case <-ended:
		}
	}()
	return prepared.Run(ctx)
}

// extend lets the extensions add their APIs.
func (a *APIServer) extend(host *genericapiserver.GenericAPIServer) error {
	for _, extension := range a.options.Extensions {
		if err := extension(host); err != nil {
			return fmt.Errorf("extend kube-apiserver: %w", err)
		}
	}
	return nil
}

// readinessInterval is how often the server is asked in this process, with no
// network between, whether it is ready. Upstream signals this to itself only.
const readinessInterval = 5 * time.Millisecond

func (a *APIServer) watchReadiness(ctx context.Context, server *genericapiserver.GenericAPIServer) {
	end := a.options.Stages.BeginDetail("API server: post-start hooks")
	ticker := time.NewTicker(readinessInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			end(ctx.Err())
			return
		case <-ticker.C:
		}
		request := httptest.NewRequest(http.MethodGet, "/readyz", nil).WithContext(ctx)
		response := httptest.NewRecorder()
		server.Handler.ServeHTTP(response, request)
		if response.Code == http.StatusOK {
			end(nil)
			close(a.ready)
			return
		}
	}
}
