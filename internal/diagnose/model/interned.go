package model

import "sync"

// interned has strings that come again and again, so that each is kept once. It is
// safe for several goroutines.
type interned struct {
	most int
	mu   sync.Mutex
	all  map[string]string
}

// maxSame and maxSaid are how many are remembered. Beyond, it begins anew: some
// strings are then kept twice.
const maxSame, maxSaid = 1 << 16, 1 << 13

func newInterned(most int) *interned { return &interned{most: most, all: map[string]string{}} }

// of is a string that is equal to s.
func (i *interned) of(s string) string {
	if s == "" {
		return ""
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if known, ok := i.all[s]; ok {
		return known
	}
	if len(i.all) >= i.most {
		clear(i.all)
	}
	i.all[s] = s
	return s
}
