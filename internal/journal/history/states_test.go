package history

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// TestManyStatesShareADictionary keeps more of a kind than it takes for a dictionary:
// those from before it and from after come back, and the latter are shorter.
func TestManyStatesShareADictionary(t *testing.T) {
	s, err := newStates(128 << 20)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	const n = 2 * dictionaryFrom
	ref := func(i int) record.Ref { return record.Ref{Kind: "Pod", Namespace: "shop", Name: fmt.Sprint("p", i)} }
	state := func(i int) []byte {
		return fmt.Appendf(nil, `{"kind":"Pod","metadata":{"name":"p%d","namespace":"shop"},"spec":{"containers":[{"name":"web","image":"registry.example.com/shop/web:v1","imagePullPolicy":"IfNotPresent"}],"dnsPolicy":"ClusterFirst","restartPolicy":"Always","schedulerName":"default-scheduler"},"status":{"podIP":"10.1.%d.%d"}}`, i, i/250, i%250)
	}
	for i := range n {
		s.put(ref(i), known{uid: fmt.Sprint(i)}, state(i))
	}
	for _, i := range []int{0, dictionaryFrom - 1, dictionaryFrom, n - 1} {
		k, got, err := s.get(ref(i))
		if err != nil || !bytes.Equal(got, state(i)) || k.uid != fmt.Sprint(i) {
			t.Errorf("state %d: %q, %v", i, got, err)
		}
	}
	early, late := len(s.entries[nameOf(ref(0))].state), len(s.entries[nameOf(ref(n-1))].state)
	if late*2 > early {
		t.Errorf("%d bytes before there is a dictionary, %d with it", early, late)
	}
}
