package kube

import (
	"fmt"
	"net/http"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

// connectLoopback lets the API server's clients of itself take the way in the
// process: those that are made of its configuration from here on, and that of the
// informers, which upstream has made by now.
//
// The informers' matters most: they tell the authoriser which pods a node has. A
// kubelet that heard of a pod earlier would be refused its Secrets and
// ConfigMaps, and try again a second later.
func (a *APIServer) connectLoopback(c *app.Config) error {
	loopback := c.KubeAPIs.ControlPlane.Generic.LoopbackClientConfig
	loopback.Wrap(func(http.RoundTripper) http.RoundTripper { return a.clients })
	transport, err := rest.TransportFor(loopback)
	if err != nil {
		return fmt.Errorf("connect kube-apiserver to itself: %w", err)
	}
	of := clientOf(c.KubeAPIs.ControlPlane.VersionedInformers)
	client, ok := of.CoreV1().RESTClient().(*rest.RESTClient)
	if !ok || client.Client == nil {
		return fmt.Errorf("connect kube-apiserver to itself: its informers' client is a %T", of)
	}
	client.Client.Transport = transport // of all API groups: they share it
	return nil
}

// clientOf returns the client of a factory of informers. The factory gives it to
// who makes an informer, and to nobody else; a panic there leaves the factory as
// it was.
func clientOf(factory informers.SharedInformerFactory) (client kubernetes.Interface) {
	type seen struct{}
	defer func() {
		if reason := recover(); reason != nil && reason != (seen{}) {
			panic(reason)
		}
	}()
	factory.InformerFor(&metav1.Status{}, func(c kubernetes.Interface, _ time.Duration) cache.SharedIndexInformer {
		client = c
		panic(seen{})
	})
	return client
}
