package block

import "github.com/bulkhead-k8s/bulkhead/internal/journal/record"

// IsObject says whether a record is of the object. A UID that either does not
// know tells nothing apart.
func (b *Block) IsObject(i int, ref record.Ref) bool { return b.same(b.ref[i], ref) }

// IsOwnedBy says whether the object is in a record's chain of owners.
func (b *Block) IsOwnedBy(i int, ref record.Ref) bool {
	for _, o := range b.chains[b.chain[i]] {
		if b.same(o, ref) {
			return true
		}
	}
	return false
}

// InNamespace says whether a record's object is in the namespace.
func (b *Block) InNamespace(i int, namespace string) bool {
	return b.is(b.refs[2][b.ref[i]], namespace)
}

// OnNode says whether a record is of the node.
func (b *Block) OnNode(i int, node string) bool { return b.is(b.node[i], node) }

func (b *Block) same(n uint32, ref record.Ref) bool {
	// The name first: it differs most.
	if !b.is(b.refs[3][n], ref.Name) || !b.is(b.refs[2][n], ref.Namespace) || !b.is(b.refs[1][n], ref.Kind) || !b.is(b.refs[0][n], ref.Group) {
		return false
	}
	uid := b.view(b.refs[4][n])
	return len(uid) == 0 || ref.UID == "" || string(uid) == ref.UID
}

func (b *Block) is(n uint32, s string) bool { return string(b.view(n)) == s }
