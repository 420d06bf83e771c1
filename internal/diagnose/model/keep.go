package model

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// indexed are the kinds that the index follows from.
var indexed = map[string]bool{
	KindPod: true, KindNode: true, KindService: true, KindDeployment: true, KindReplicaSet: true, KindStateful: true, KindDaemonSet: true,
	KindJob: true, KindCronJob: true, KindConfigMap: true, KindEndpoints: true, KindSlice: true,
}

// unindex says that an object of a kind came, went or changed.
func (m *Model) unindex(kind string) {
	if indexed[kind] {
		m.idx = nil
	}
}

// replaced says that a whole object has another state than before. Most such changes, of
// a pod's containers and of a node's conditions, leave all relations as they were:
// the index goes on with the new state.
func (m *Model) replaced(o *Object, before APIObject) {
	if m.idx == nil {
		return
	}
	switch now := o.Value.(type) {
	case *PodState:
		if old, ok := before.(*PodState); ok && o.pod != nil && now.samePlace(old) {
			o.pod.PodState = now
			return
		}
	case *corev1.Node:
		if old, ok := before.(*corev1.Node); ok {
			if i := slices.Index(m.idx.nodes, old); i >= 0 {
				m.idx.nodes[i] = now
				return
			}
		}
	}
	m.unindex(o.Key.Kind)
}
