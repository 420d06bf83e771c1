package view

import (
	"strconv"
	"strings"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/lazyregexp"
)

// Age is a span as kubectl prints it: 93s, 5m30s, 3h20m, 32d, 2y34d. Unit is how
// exact it is: the true one is at least Span and less than Span plus Unit.
type Age struct {
	Span time.Duration
	Unit time.Duration
	// Known is false for <unknown>, <none>, <invalid> and what is not an age.
	Known bool
}

const (
	day  = 24 * time.Hour
	year = 365 * day
)

// ParseAge reads an age.
func ParseAge(s string) Age {
	s = strings.TrimSpace(s)
	if s == "" || s[0] < '0' || s[0] > '9' {
		return Age{}
	}
	var a Age
	for i := 0; i < len(s); {
		j := i
		for j < len(s) && s[j] >= '0' && s[j] <= '9' {
			j++
		}
		if j == i || j == len(s) {
			return Age{}
		}
		n, err := strconv.Atoi(s[i:j])
		if err != nil || n > 1e6 {
			return Age{}
		}
		switch s[j] {
		case 's':
			a.Unit = time.Second
		case 'm':
			a.Unit = time.Minute
			if j+1 < len(s) && s[j+1] == 's' {
				a.Unit, j = time.Millisecond, j+1
			}
		case 'h':
			a.Unit = time.Hour
		case 'd':
			a.Unit = day
		case 'y':
			a.Unit = year
		default:
			return Age{}
		}
		a.Span += time.Duration(n) * a.Unit
		i = j + 1
	}
	a.Known = true
	a.Unit = precision(a.Span, a.Unit)
	return a
}

// precision is how exact an age is: kubectl drops the smaller part if it is zero,
// so that 5m is five minutes to the second.
func precision(span, unit time.Duration) time.Duration {
	switch {
	case unit == time.Minute && span < 10*time.Minute:
		return time.Second
	case unit == time.Hour && span < 8*time.Hour:
		return time.Minute
	case unit == day && span < 8*day:
		return time.Hour
	case unit == year && span < 8*year:
		return day
	}
	return unit
}

// At is the time of what was this long ago at now: in the middle of what the
// age's unit leaves open, where that is more than a minute.
func (a Age) At(now time.Time) time.Time {
	t := now.Add(-a.Span)
	if a.Unit > time.Minute {
		t = t.Add(-a.Unit / 2)
	}
	return t
}

// repeated is the age of a repeated event: 5m (x3 over 10m).
var repeated = lazyregexp.New(`^(\S+) \(x(\d+)(?: over (\S+))?\)$`)

// Interval is the age of an event as describe and get events print it.
type Interval struct {
	Last, First Age
	Count       int
}

// ParseInterval reads an event's age. The unit of what is not repeated is both
// its first and its last time.
func ParseInterval(s string) (Interval, bool) {
	s = strings.TrimSpace(s)
	if !strings.HasSuffix(s, ")") {
		a := ParseAge(s)
		return Interval{Last: a, First: a}, a.Known || s == "<unknown>" || s == "<invalid>"
	}
	if m := repeated.FindStringSubmatch(s); m != nil {
		n, err := strconv.Atoi(m[2])
		i := Interval{Last: ParseAge(m[1]), First: ParseAge(m[3]), Count: n}
		return i, err == nil && (i.Last.Known || m[1] == "<unknown>")
	}
	return Interval{}, false
}
