package shop

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
)

// objects decodes every manifest strictly: a misspelt field is an error.
func objects(t *testing.T) []runtime.Object {
	t.Helper()
	names, err := fs.Glob(Manifests(), "*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("manifests: %v, %v", names, err)
	}
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	var all []runtime.Object
	for _, name := range names {
		b, err := fs.ReadFile(Manifests(), name)
		if err != nil {
			t.Fatal(err)
		}
		for i, doc := range strings.Split(string(b), "\n---\n") {
			obj, _, err := decoder.Decode([]byte(doc), nil, nil)
			if err != nil {
				t.Errorf("%s, document %d: %v", name, i+1, err)
				continue
			}
			all = append(all, obj)
		}
	}
	return all
}

// templates are the pod templates of all workloads, by name.
func templates(t *testing.T) map[string]corev1.PodTemplateSpec {
	t.Helper()
	found := map[string]corev1.PodTemplateSpec{}
	for _, obj := range objects(t) {
		switch o := obj.(type) {
		case *appsv1.Deployment:
			found[o.Name] = o.Spec.Template
		case *appsv1.StatefulSet:
			found[o.Name] = o.Spec.Template
		case *batchv1.CronJob:
			found[o.Name] = o.Spec.JobTemplate.Spec.Template
		}
	}
	return found
}

func TestManifestsUseOurImagesWithoutPullingOrPrivileges(t *testing.T) {
	all := templates(t)
	if len(all) != 4 {
		t.Errorf("found %d workloads, want front, api, postgres and restock", len(all))
	}
	ours := []string{FrontImage, APIImage, PostgresImage}
	for name, tpl := range all {
		if nonRoot := tpl.Spec.SecurityContext.RunAsNonRoot; nonRoot == nil || !*nonRoot {
			t.Errorf("%s may run as root", name)
		}
		for _, c := range tpl.Spec.Containers {
			if !slices.Contains(ours, c.Image) {
				t.Errorf("%s: nobody assembles image %s", name, c.Image)
			}
			if c.ImagePullPolicy != corev1.PullNever {
				t.Errorf("%s: pulls %s with policy %q, but no registry has it", name, c.Image, c.ImagePullPolicy)
			}
			if c.Resources.Requests.Cpu().IsZero() || c.Resources.Limits.Memory().IsZero() {
				t.Errorf("%s: resources are %+v", name, c.Resources)
			}
			if name != "restock" && (c.LivenessProbe == nil || c.ReadinessProbe == nil) {
				t.Errorf("%s: lacks a probe", name)
			}
		}
	}
}

func TestDatabaseRunsAsTheUserOfItsImage(t *testing.T) {
	sc := templates(t)["postgres"].Spec.SecurityContext
	for what, id := range map[string]*int64{"runAsUser": sc.RunAsUser, "runAsGroup": sc.RunAsGroup, "fsGroup": sc.FSGroup} {
		if id == nil || *id != postgresUID {
			t.Errorf("%s is %v, the image has %d", what, id, postgresUID)
		}
	}
}

func TestSelectorsFindTheirPods(t *testing.T) {
	all := templates(t)
	for _, obj := range objects(t) {
		s, ok := obj.(*corev1.Service)
		if !ok {
			continue
		}
		tpl, ok := all[s.Name]
		if !ok {
			t.Errorf("Service %s has no workload of its name", s.Name)
			continue
		}
		for k, v := range s.Spec.Selector {
			if tpl.Labels[k] != v {
				t.Errorf("Service %s selects %s=%s, its pods have %q", s.Name, k, v, tpl.Labels[k])
			}
		}
		for _, p := range s.Spec.Ports {
			if !slices.ContainsFunc(tpl.Spec.Containers[0].Ports, func(c corev1.ContainerPort) bool {
				return p.TargetPort.String() == c.Name || p.TargetPort.String() == fmt.Sprint(c.ContainerPort) || p.Port == c.ContainerPort
			}) {
				t.Errorf("Service %s: no container port for %s", s.Name, p.Name)
			}
		}
	}
}
