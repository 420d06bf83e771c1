package e2e

import (
	"slices"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

func TestInformers(t *testing.T) {
	s := newSpace(t)
	configMap := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "watched"}, Data: map[string]string{"step": "1"}}
	configMap, err := kube.CoreV1().ConfigMaps(s.name).Create(s.ctx, configMap, metav1.CreateOptions{})
	s.must(err)

	factory := informers.NewSharedInformerFactoryWithOptions(kube, 0, informers.WithNamespace(s.name))
	configMaps := factory.Core().V1().ConfigMaps()
	var mu sync.Mutex
	var seen []string
	note := func(what string, object any) {
		if cm, ok := object.(*corev1.ConfigMap); ok && cm.Name == "watched" {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, what+" "+cm.Data["step"])
		}
	}
	_, err = configMaps.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { note("added", o) },
		UpdateFunc: func(_, o any) { note("updated", o) },
		DeleteFunc: func(o any) { note("deleted", o) },
	})
	s.must(err)
	stop := make(chan struct{})
	defer factory.Shutdown()
	defer close(stop)
	factory.Start(stop)
	for kind, synced := range factory.WaitForCacheSync(s.ctx.Done()) {
		if !synced {
			t.Fatalf("informer of %s is not in step", kind)
		}
	}
	for _, step := range []string{"2", "3"} {
		configMap.Data["step"] = step
		configMap, err = kube.CoreV1().ConfigMaps(s.name).Update(s.ctx, configMap, metav1.UpdateOptions{})
		s.must(err)
	}
	s.must(kube.CoreV1().ConfigMaps(s.name).Delete(s.ctx, "watched", metav1.DeleteOptions{}))
	want := []string{"added 1", "updated 2", "updated 3", "deleted 3"}
	s.eventually(10*time.Second, "the informer has seen all changes in their order", func() error {
		mu.Lock()
		defer mu.Unlock()
		if !slices.Equal(seen, want) {
			return wantError(nil, slices.Concat(seen, []string{"instead of"}, want)...)
		}
		return nil
	})
	if _, err := configMaps.Lister().ConfigMaps(s.name).Get("watched"); wantNotFound(err) != nil {
		t.Errorf("the lister still has it: %v", err)
	}
}
