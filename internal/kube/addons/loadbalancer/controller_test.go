package loadbalancer

import (
	"context"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

// eventually polls the fake API, which has no way to wait for a value.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 10 s", what)
		}
	}
}

func TestControllerWritesAddressesAndSaysWhoIsInTheWay(t *testing.T) {
	first, second := service("first", time.Hour, nil, 80), service("second", 0, nil, 80)
	client := fake.NewClientset(node("n1", "10.0.0.1"), first, second)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- newController(client, DefaultReserved()).Run(ctx) }()

	address := func(name string) string {
		s, err := client.CoreV1().Services("default").Get(ctx, name, metav1.GetOptions{})
		if err != nil || len(s.Status.LoadBalancer.Ingress) == 0 {
			return ""
		}
		return s.Status.LoadBalancer.Ingress[0].IP
	}
	eventually(t, "first has the address", func() bool { return address("first") == "10.0.0.1" })
	eventually(t, "an event about second", func() bool {
		events, err := client.CoreV1().Events("default").List(ctx, metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, event := range events.Items {
			if event.InvolvedObject.Name == "second" && strings.Contains(event.Message, "Service default/first") {
				return true
			}
		}
		return false
	})
	if got := address("second"); got != "" {
		t.Errorf("second has %q, want nothing", got)
	}

	if err := client.CoreV1().Services("default").Delete(ctx, "first", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "second takes over", func() bool { return address("second") == "10.0.0.1" })

	moved := node("n1", "10.0.0.9")
	if _, err := client.CoreV1().Nodes().UpdateStatus(ctx, moved, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the node's new address", func() bool { return address("second") == "10.0.0.9" })

	s, err := client.CoreV1().Services("default").Get(ctx, "second", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s.Spec.Type = v1.ServiceTypeClusterIP
	if _, err := client.CoreV1().Services("default").Update(ctx, s, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "no address without the type", func() bool { return address("second") == "" })

	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run = %v after its context ended, want nil", err)
	}
}
