package model

import (
	"maps"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
)

// amounts has what containers ask for and may have: of thousands of containers, many
// have the same. It is safe for several goroutines; the lists in it do not change.
type amounts struct {
	mu  sync.Mutex
	all map[string]corev1.ResourceList
}

// maxAmounts is how many are remembered; beyond, it begins anew.
const maxAmounts = 1 << 13

func newAmounts() *amounts { return &amounts{all: map[string]corev1.ResourceList{}} }

// share lets the containers of a spec have lists that others have, too.
func (a *amounts) share(spec *corev1.PodSpec) {
	for _, all := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range all {
			r := &all[i].Resources
			r.Limits, r.Requests = a.of(r.Limits), a.of(r.Requests)
		}
	}
}

// of is a list that is equal to l.
func (a *amounts) of(l corev1.ResourceList) corev1.ResourceList {
	if len(l) == 0 {
		return nil
	}
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(l)) {
		q := l[name]
		text.WriteString(string(name) + "=" + q.String() + " ")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if known, ok := a.all[text.String()]; ok {
		return known
	}
	if len(a.all) >= maxAmounts {
		clear(a.all)
	}
	a.all[text.String()] = l
	return l
}
