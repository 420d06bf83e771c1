package journal

import (
	"github.com/cespare/xxhash/v2"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/block"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// key is what an index finds blocks by: the hash of an object, of an owner or of
// a node. Two things with one key cost a look into a block, nothing else.
type key uint64

const (
	blockBits = 20
	keyMask   = ^key(1<<blockBits - 1)
)

func objectKey(r record.Ref) key { return refKey('o', r) }
func ownerKey(r record.Ref) key  { return refKey('w', r) }

func nodeKey(node string) key {
	return key(xxhash.Sum64String("n"+node)) & keyMask
}

// refKey leaves out the UID: a source that does not know it means the same object.
func refKey(what byte, r record.Ref) key {
	var buf [256]byte
	b := append(buf[:0], what)
	for _, s := range [...]string{r.Group, r.Kind, r.Namespace, r.Name} {
		b = append(append(b, s...), 0)
	}
	return key(xxhash.Sum64(b)) & keyMask
}

// keysOf is each key of a block's records, some of them more than once.
func keysOf(b *block.Block) []key {
	var keys []key
	for _, r := range b.Objects() {
		keys = append(keys, objectKey(r))
	}
	for _, r := range b.Above() {
		keys = append(keys, ownerKey(r))
	}
	for _, n := range b.Nodes() {
		keys = append(keys, nodeKey(n))
	}
	return keys
}
