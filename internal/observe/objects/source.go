package objects

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/resource"
)

// source lists and watches. Kinds that have a type here come as protobuf, which
// is cheaper for both sides; others as JSON.
type source struct {
	config  *rest.Config
	http    *http.Client
	scheme  *runtime.Scheme
	codecs  runtime.NegotiatedSerializer
	params  runtime.ParameterCodec
	dynamic dynamic.Interface
	plain   rest.Interface // JSON, any path

	mu      sync.Mutex
	clients map[schema.GroupVersion]rest.Interface
}

// newScheme knows the types of the kinds that are observed.
func newScheme() (*runtime.Scheme, error) {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, appsv1.AddToScheme, batchv1.AddToScheme, autoscalingv2.AddToScheme, discoveryv1.AddToScheme,
		networkingv1.AddToScheme, policyv1.AddToScheme, storagev1.AddToScheme, admissionv1.AddToScheme,
	} {
		if err := add(s); err != nil {
			return nil, err
		}
	}
	metav1.AddToGroupVersion(s, schema.GroupVersion{Version: "v1"})
	return s, nil
}

func newSource(c *rest.Config) (*source, error) {
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	config := rest.CopyConfig(c)
	config.QPS = -1 // a few dozen lists, once; the API server limits fairly by itself
	config.ContentType, config.AcceptContentTypes = "", ""
	if config.UserAgent == "" {
		config.UserAgent = "bulkhead-observe"
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	s := &source{
		config: config, http: client, scheme: scheme, codecs: serializer.NewCodecFactory(scheme).WithoutConversion(),
		params: runtime.NewParameterCodec(scheme), clients: map[schema.GroupVersion]rest.Interface{},
	}
	if s.dynamic, err = dynamic.NewForConfigAndClient(config, client); err != nil {
		return nil, err
	}
	plain := rest.CopyConfig(config)
	plain.NegotiatedSerializer = s.codecs
	plain.GroupVersion = &schema.GroupVersion{}
	s.plain, err = rest.RESTClientForConfigAndClient(plain, client)
	return s, err
}

// client is that of a group's version.
func (s *source) client(gv schema.GroupVersion) (rest.Interface, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.clients[gv]; c != nil {
		return c, nil
	}
	config := rest.CopyConfig(s.config)
	config.GroupVersion, config.APIPath = &gv, "/apis"
	if gv.Group == "" {
		config.APIPath = "/api"
	}
	config.NegotiatedSerializer = s.codecs
	config.ContentType = runtime.ContentTypeProtobuf
	config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	c, err := rest.RESTClientForConfigAndClient(config, s.http)
	if err != nil {
		return nil, err
	}
	s.clients[gv] = c
	return c, nil
}

// listWatch is how a reflector gets a kind: by a stream where the API server has
// it, else by pages. result is told of each request's.
func (s *source) listWatch(k resource.Kind, result func(error)) *cache.ListWatch {
	if _, untyped := k.New().(*unstructured.Unstructured); untyped {
		objects := s.dynamic.Resource(k.GroupVersion().WithResource(k.Plural))
		return &cache.ListWatch{
			ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
				list, err := objects.List(ctx, o)
				result(err)
				return list, err
			},
			WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
				w, err := objects.Watch(ctx, o)
				result(err)
				return w, err
			},
		}
	}
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			c, err := s.client(k.GroupVersion())
			if err != nil {
				return nil, err
			}
			list, err := c.Get().Resource(k.Plural).VersionedParams(&o, s.params).Do(ctx).Get()
			result(err)
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			c, err := s.client(k.GroupVersion())
			if err != nil {
				return nil, err
			}
			o.Watch = true
			w, err := c.Get().Resource(k.Plural).VersionedParams(&o, s.params).Watch(ctx)
			result(err)
			return w, err
		},
	}
}

// final says that a request will not be granted soon.
func (*source) final(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) || apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err)
}

// resolve finds a kind by its resource's name, as widgets.example.com or
// widgets.v1.example.com.
func (s *source) resolve(ctx context.Context, name string) (resource.Kind, error) {
	if k, ok := resource.NewNames().Find(name); ok {
		return k, nil
	}
	plural, group, ok := strings.Cut(name, ".")
	if !ok {
		return resource.Kind{}, fmt.Errorf("resource %q: name its group, as in widgets.example.com", name)
	}
	version := ""
	if gvr, _ := schema.ParseResourceArg(name); gvr != nil && len(gvr.Version) > 1 && gvr.Version[0] == 'v' && gvr.Version[1] >= '0' && gvr.Version[1] <= '9' {
		version, group = gvr.Version, gvr.Group
	}
	if version == "" {
		var g metav1.APIGroup
		if err := s.get(ctx, "/apis/"+group, &g); err != nil {
			return resource.Kind{}, fmt.Errorf("resource %q: %w", name, err)
		}
		version = g.PreferredVersion.Version
	}
	var list metav1.APIResourceList
	if err := s.get(ctx, "/apis/"+group+"/"+version, &list); err != nil {
		return resource.Kind{}, fmt.Errorf("resource %q: %w", name, err)
	}
	for _, r := range list.APIResources {
		if r.Name == plural {
			return resource.Kind{GroupVersionKind: schema.GroupVersionKind{Group: group, Version: version, Kind: r.Kind}, Plural: plural, Namespaced: r.Namespaced}, nil
		}
	}
	return resource.Kind{}, fmt.Errorf("resource %q: the cluster has no such resource", name)
}
