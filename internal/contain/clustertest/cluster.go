// Package clustertest is a cluster in memory, for tests: objects that can be read and
// changed as through the API.
package clustertest

import (
	"context"
	"encoding/json"
	"maps"
	"strings"
	"sync"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

// Cluster is the objects.
type Cluster struct {
	mu      sync.Mutex
	objects map[string]*unstructured.Unstructured
}

// Parse reads objects from YAML; plural names the resource of a kind.
func Parse(text string, plural map[string]string) (*Cluster, error) {
	c := &Cluster{objects: map[string]*unstructured.Unstructured{}}
	for _, doc := range strings.Split(text, "---\n") {
		data, err := yaml.YAMLToJSON([]byte(doc))
		if err != nil {
			return nil, err
		}
		o := &unstructured.Unstructured{}
		if err := json.Unmarshal(data, &o.Object); err != nil {
			return nil, err
		}
		c.objects[plural[o.GetKind()]+"/"+o.GetNamespace()+"/"+o.GetName()] = o
	}
	return c, nil
}

func key(r schema.GroupVersionResource, namespace, name string) string {
	return r.Resource + "/" + namespace + "/" + name
}

// Texts are the objects as JSON, by resource/namespace/name.
func (c *Cluster) Texts() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[string]string{}
	for k, o := range c.objects {
		data, err := json.Marshal(o.Object)
		if err != nil {
			panic(err) // it was JSON
		}
		out[k] = string(data)
	}
	return out
}

// Same says whether two clusters have the same objects.
func (c *Cluster) Same(o *Cluster) bool { return maps.Equal(c.Texts(), o.Texts()) }

// Get is the object, or nil.
func (c *Cluster) Get(_ context.Context, r schema.GroupVersionResource, namespace, name string) (*unstructured.Unstructured, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if o := c.objects[key(r, namespace, name)]; o != nil {
		return o.DeepCopy(), nil
	}
	return nil, nil
}

// List is all objects of a namespace, or of all.
func (c *Cluster) List(_ context.Context, r schema.GroupVersionResource, namespace string) ([]unstructured.Unstructured, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []unstructured.Unstructured
	for k, o := range c.objects {
		if strings.HasPrefix(k, r.Resource+"/") && (namespace == "" || o.GetNamespace() == namespace) && strings.HasPrefix(o.GetAPIVersion(), r.Group) {
			out = append(out, *o.DeepCopy())
		}
	}
	return out, nil
}

// Patch applies a JSON merge patch.
func (c *Cluster) Patch(_ context.Context, r schema.GroupVersionResource, namespace, name string, patch []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.objects[key(r, namespace, name)]
	if o == nil {
		return nil
	}
	before, err := json.Marshal(o.Object)
	if err != nil {
		return err
	}
	after, err := jsonpatch.MergePatch(before, patch)
	if err != nil {
		return err
	}
	o.Object = nil
	return json.Unmarshal(after, &o.Object)
}

// Create makes an object.
func (c *Cluster) Create(_ context.Context, r schema.GroupVersionResource, o *unstructured.Unstructured) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.objects[key(r, o.GetNamespace(), o.GetName())] = o.DeepCopy()
	return nil
}

// Delete removes an object.
func (c *Cluster) Delete(_ context.Context, r schema.GroupVersionResource, namespace, name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.objects, key(r, namespace, name))
	return nil
}

// Evict removes a pod.
func (c *Cluster) Evict(ctx context.Context, namespace, name string) error {
	return c.Delete(ctx, schema.GroupVersionResource{Version: "v1", Resource: "pods"}, namespace, name)
}
