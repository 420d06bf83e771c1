package kube

import (
	"net/http"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

func TestClientOfAFactoryOfInformers(t *testing.T) {
	client, err := kubernetes.NewForConfig(&rest.Config{Host: "https://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	factory := informers.NewSharedInformerFactory(client, time.Hour)
	factory.Core().V1().Pods().Informer()
	before := factory.InformerFor(&corev1.Pod{}, nil)
	if got := clientOf(factory); got != kubernetes.Interface(client) {
		t.Fatalf("the client is a %T", got)
	}
	// The factory works on: its lock is free, and nothing was added.
	if after := factory.InformerFor(&corev1.Pod{}, nil); after != before {
		t.Error("the factory forgot its informer")
	}
	factory.Start(closed())
	factory.Shutdown()
}

func closed() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// What connectLoopback relies on: one http.Client for all API groups.
func TestClientsOfAllGroupsShareTheirTransport(t *testing.T) {
	client, err := kubernetes.NewForConfig(&rest.Config{Host: "https://127.0.0.1:1", BearerToken: "x"})
	if err != nil {
		t.Fatal(err)
	}
	ours := http.NewFileTransport(http.Dir(t.TempDir()))
	client.CoreV1().RESTClient().(*rest.RESTClient).Client.Transport = ours
	for name, other := range map[string]rest.Interface{
		"flowcontrol": client.FlowcontrolV1().RESTClient(), "rbac": client.RbacV1().RESTClient(), "apps": client.AppsV1().RESTClient(),
	} {
		if got := other.(*rest.RESTClient).Client.Transport; got != ours {
			t.Errorf("%s has a transport of its own", name)
		}
	}
}
