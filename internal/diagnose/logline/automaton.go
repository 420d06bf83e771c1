package logline

import "sync"

// telling says whether a line has a word of any pattern, in any case. It goes over
// the line once, whatever the number of words: an automaton after Aho and Corasick,
// as a table of states by byte.
func telling(line string) bool {
	a := automaton()
	s := uint16(0)
	for i := 0; i < len(line); i++ {
		s = a.next[s][line[i]]
		if a.end[s] {
			return true
		}
	}
	return false
}

type machine struct {
	next [][256]uint16
	end  []bool
}

var automaton = sync.OnceValue(func() *machine {
	m := &machine{next: make([][256]uint16, 1), end: []bool{false}}
	for _, p := range Patterns {
		for _, w := range p.Words {
			m.add(w)
		}
	}
	m.link()
	return m
})

func (m *machine) add(word string) {
	s := uint16(0)
	for i := 0; i < len(word); i++ {
		t := m.next[s][word[i]]
		if t == 0 {
			t = uint16(len(m.next))
			m.next = append(m.next, [256]uint16{})
			m.end = append(m.end, false)
			m.next[s][word[i]] = t
		}
		s = t
	}
	m.end[s] = true
}

// link gives each state the ways out of the longest suffix that is a state too.
func (m *machine) link() {
	fail := make([]uint16, len(m.next))
	var queue []uint16
	for _, t := range m.next[0] {
		if t != 0 {
			queue = append(queue, t)
		}
	}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		m.end[s] = m.end[s] || m.end[fail[s]]
		for c, t := range m.next[s] {
			if t == 0 {
				m.next[s][c] = m.next[fail[s]][c]
				continue
			}
			fail[t] = m.next[fail[s]][c]
			queue = append(queue, t)
		}
	}
	for s := range m.next {
		for c := byte('A'); c <= 'Z'; c++ {
			m.next[s][c] = m.next[s][c+'a'-'A']
		}
	}
}
