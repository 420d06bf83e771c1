package block

import "encoding/binary"

// reader reads numbers and bytes in a row. Once something does not fit, it gives
// zeros and failed is set.
type reader struct {
	data   []byte
	failed bool
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.data)
	if n <= 0 {
		r.failed, r.data = true, nil
		return 0
	}
	r.data = r.data[n:]
	return v
}

func (r *reader) varint() int64 {
	u := r.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (r *reader) byte() byte {
	b := r.bytes(1)
	if r.failed {
		return 0
	}
	return b[0]
}

// bytes is the next n bytes, not copied.
func (r *reader) bytes(n uint64) []byte {
	if r.failed || n > uint64(len(r.data)) {
		r.failed, r.data = true, nil
		return nil
	}
	b := r.data[:n:n]
	r.data = r.data[n:]
	return b
}

// count is a number of things that follow, each of at least one byte: so a
// damaged count cannot ask for more memory than the block has.
func (r *reader) count() int {
	n := r.uvarint()
	if n > uint64(len(r.data)) {
		r.failed, r.data = true, nil
		return 0
	}
	return int(n)
}

// column is n numbers, each below limit.
func (r *reader) column(n int, limit int) []uint32 {
	if r.failed || n > len(r.data) {
		r.failed = true
		return nil
	}
	out := make([]uint32, n)
	for i := range out {
		v := r.uvarint()
		if v >= uint64(limit) {
			r.failed = true
			return nil
		}
		out[i] = uint32(v)
	}
	return out
}
