package block

import (
	"encoding/binary"
	"math"
	"math/bits"
	"time"
)

// noTime stands for a time that is not known.
const noTime = math.MinInt64

// Nanos is a time as blocks keep it: nanoseconds since 1970. What lies outside
// the years that fit, as the zero time, is not known.
func Nanos(t time.Time) int64 {
	if y := t.Year(); y < 1679 || y > 2261 {
		return noTime
	}
	return t.UnixNano()
}

// Time is the inverse of Nanos.
func Time(nanos int64) time.Time {
	if nanos == noTime {
		return time.Time{}
	}
	return time.Unix(0, nanos).UTC()
}

// units are tried from the longest: most times and spans are whole ones.
var units = [4]int64{1e9, 1e6, 1e3, 1}

// unitOf is the number of the longest unit that a span is a multiple of.
func unitOf(span int64) int {
	for i, u := range units {
		if span%u == 0 {
			return i
		}
	}
	return len(units) - 1
}

// appendSpan writes a span in the longest unit that it is a multiple of. Spans
// near the ends of the range keep nanoseconds by themselves, without a unit.
func appendSpan(dst []byte, span int64) []byte {
	u := unitOf(span)
	n := span / units[u]
	z := uint64(n<<1) ^ uint64(n>>63)
	if z>>62 != 0 {
		dst = binary.AppendUvarint(dst, math.MaxUint64)
		return binary.LittleEndian.AppendUint64(dst, uint64(span))
	}
	return binary.AppendUvarint(dst, z<<2|uint64(u))
}

func (r *reader) span() int64 {
	v := r.uvarint()
	if v == math.MaxUint64 {
		b := r.bytes(8)
		if r.failed {
			return 0
		}
		return int64(binary.LittleEndian.Uint64(b))
	}
	z := v >> 2
	return (int64(z>>1) ^ -int64(z&1)) * units[v&3]
}

func appendFloat(dst []byte, f float64) []byte {
	return binary.AppendUvarint(dst, bits.ReverseBytes64(math.Float64bits(f)))
}

func (r *reader) float() float64 {
	return math.Float64frombits(bits.ReverseBytes64(r.uvarint()))
}
