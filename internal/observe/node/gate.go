package node

import (
	"math"
	"time"
)

const (
	// full is the share from which on something counts as used up; it has to fall
	// below easy to be told again.
	full = 0.95
	easy = 0.90
	// From watch on, each step is told; below it, and without a limit, only great
	// changes are.
	watch = 0.5
	step  = 0.05
	// trend is how often a use is told that does not change, for its trend.
	trend = 5 * time.Minute
	// remind is how often what lasts is told again.
	remind = time.Minute
)

// gate lets a series of samples through where they tell something new. The zero
// gate has let nothing through.
type gate struct {
	told  bool
	value float64
	at    time.Time
	high  bool
}

// usage is for what is used of a capacity; 0 is none. least is the difference
// that counts where there is none.
func (g *gate) usage(now time.Time, used, capacity, least float64) bool {
	value := used
	var changed bool
	high := g.high
	if capacity > 0 {
		value = used / capacity
		if value >= full {
			high = true
		} else if value < easy {
			high = false
		}
		changed = high != g.high || math.Abs(value-g.value) >= step && max(value, g.value) >= watch
	} else {
		changed = math.Abs(value-g.value) >= max(least, 0.25*g.value)
	}
	if g.told && !changed && now.Sub(g.at) < trend {
		return false
	}
	*g = gate{told: true, value: value, at: now, high: high}
	return true
}

// above is for what is trouble from a threshold on: it lets the rise through, a
// reminder while it lasts, and the fall.
func (g *gate) above(now time.Time, value, threshold float64) bool {
	high := value >= threshold
	if g.high && !high && value > threshold/2 {
		high = true // not over until it is well below
	}
	if high == g.high && (!high || now.Sub(g.at) < remind) {
		return false
	}
	*g = gate{told: true, value: value, at: now, high: high}
	return true
}
