package describe

import (
	"testing"

	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/resource"
)

const sample = `Name:             web-1
Namespace:        shop
Node:             node-1/10.0.0.5
Labels:           app=web
                  tier=front
Annotations:      example.com/long:
                    {"a":
                    1}
Status:           Terminating (lasts 5m)
Containers:
  server:
    State:          Terminated
      Reason:       Error
      Message:      panic: x

goroutine 1

      Exit Code:    2
    Ready:          False
    Liveness:   http-get http://:8080/healthz delay=5s timeout=1s period=10s #success=1 #failure=3
    Environment:
      PASSWORD:  <set to the key 'password' in secret 'db'>  Optional: false
    Mounts:
      /data from data (rw,path="a")
Conditions:
  Type   Status
  Ready  False
Tolerations:     op=Exists
Events:
  Type     Reason   Age                 From     Message
  ----     ------   ----                ----     -------
  Warning  BackOff  57s (x3 over 4m1s)  kubelet  Back-off
and more
`

func FuzzParse(f *testing.F) {
	names := resource.NewNames()
	f.Add(sample)
	f.Add("Name:  web\nNamespace:  shop\nRules:\n  Host  Path  Backends\n  ----  ----  --------\n  a  \n     /  web:80 (<none>)\nDefault backend:  <default>\n")
	f.Add("Name:  conf\nNamespace:  shop\n\nData\n====\na:\n----\nName: x\n\nLabels: y\nBinaryData\n====\nb: 3 bytes\nEvents:  <none>\n")
	f.Add("Name:  np\nNamespace:  shop\nSpec:\n  PodSelector:     app=x\n  Allowing ingress traffic:\n    To Port: 80/TCP\n    From:\n      IPBlock:\n        CIDR: 10.0.0.0/8\n        Except: \n")
	f.Add("Name:  q\nNamespace:  shop\nResource  Used  Hard\n--------  ----  ----\ncpu  1  -\n")
	f.Fuzz(func(t *testing.T, text string) {
		views, _ := Parse(text, Scope{}, names)
		for _, v := range views {
			if v.Object.GetName() == "" || v.Kind.Kind == "" {
				t.Errorf("an object without name or kind: %+v", v.Object)
			}
		}
	})
}

// TestMessage reads a message with line breaks, which kubectl prints without an
// indent, inside a container.
func TestMessage(t *testing.T) {
	views, failed := Parse(sample, Scope{}, resource.NewNames())
	if len(views) != 1 || len(failed) > 0 {
		t.Fatalf("%d objects, failed %v", len(views), failed)
	}
	p := asPod(t, views[0])
	c := p.Status.ContainerStatuses[0]
	if s := c.State.Terminated; s == nil || s.ExitCode != 2 || s.Message != "panic: x\n\ngoroutine 1\n" || c.Ready {
		t.Errorf("%+v", c)
	}
	if p.Spec.Containers[0].VolumeMounts[0].SubPath != "a" || p.Annotations["example.com/long"] != "{\"a\":\n1}" || p.Spec.Tolerations[0].Operator != "Exists" {
		t.Errorf("%+v", p)
	}
	if e := views[0].Events; len(e) != 1 || e[0].Event.Message != "Back-off\nand more" || e[0].Seen.Count != 3 {
		t.Errorf("%+v", e)
	}
}

func TestToleration(t *testing.T) {
	for _, s := range []string{"node.kubernetes.io/not-ready:NoExecute op=Exists for 300s", "op=Exists", ":NoSchedule op=Exists", "a=b:NoSchedule", "a=b", "a:NoExecute for 5s"} {
		got, ok := toleration(s)
		if !ok {
			t.Errorf("%q is not read", s)
		}
		if s == "op=Exists" && (got.Key != "" || got.Operator != "Exists") {
			t.Errorf("%q: %+v", s, got)
		}
	}
}
