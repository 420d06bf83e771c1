package contain

import (
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

// hashed is a node with the hash of its name.
type hashed struct {
	name string
	hash uint64
}

func hashes(nodes []string) []hashed {
	out := make([]hashed, 0, len(nodes))
	for _, n := range nodes {
		out = append(out, hashed{n, xxhash.Sum64String(n)})
	}
	slices.SortFunc(out, func(a, b hashed) int { return strings.Compare(a.name, b.name) })
	return out
}

// shardOf gives an owner k of the nodes. It is rendezvous hashing: each node's weight
// for an owner follows from the two names alone, and the heaviest are the owner's. So
// all who ask get the same answer, a node that comes or goes changes one place of
// those shards alone that it belongs to, and two owners seldom share all of theirs
// (shuffle sharding).
//
// It keeps the k heaviest as it goes: for a thousand owners and a thousand nodes,
// sorting would be most of the work.
func shardOf(owner v1alpha1.ObjectRef, nodes []hashed, k int) []string {
	of := xxhash.Sum64String(owner.Kind + "\x00" + owner.Namespace + "\x00" + owner.Name)
	type weighed struct {
		name   string
		weight uint64
	}
	best := make([]weighed, 0, k+1)
	for _, n := range nodes {
		w := weighed{n.name, mix(of ^ n.hash)}
		if len(best) == k && w.weight <= best[k-1].weight {
			continue
		}
		at := len(best)
		for at > 0 && best[at-1].weight < w.weight {
			at--
		}
		best = slices.Insert(best, at, w)[:min(len(best)+1, k)]
	}
	out := make([]string, 0, len(best))
	for _, w := range best {
		out = append(out, w.name)
	}
	slices.Sort(out)
	return out
}

// mix makes each bit of a number depend on each other one (the finaliser of
// SplitMix64).
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
