package story

import (
	"fmt"
	"io"
	"strings"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

// Tree draws each incident's chain: what leads to what.
func Tree(w io.Writer, incidents []v1alpha1.IncidentStatus) error {
	var b strings.Builder
	if len(incidents) == 0 {
		b.WriteString("Nothing is failing.\n")
	}
	for _, in := range incidents {
		c := in.FirstCause
		if c.Reason == v1alpha1.NoCauseRecorded {
			fmt.Fprintf(&b, "%s: %s\n", c.Reason, c.Message)
			continue
		}
		fmt.Fprintf(&b, "%s %s: %s\n", c.Object.Words(), c.Reason, c.Message)
		below := map[string][]v1alpha1.Link{}
		for _, l := range in.Chain {
			k := node(l.From, l.FromReason)
			below[k] = append(below[k], l)
		}
		draw(&b, below, node(c.Object, c.Reason), "")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func node(o v1alpha1.ObjectRef, reason string) string { return o.Words() + " " + reason }

func draw(b *strings.Builder, below map[string][]v1alpha1.Link, at, indent string) {
	links := below[at]
	for n, l := range links {
		branch, next := "├─ ", "│  "
		if n == len(links)-1 {
			branch, next = "└─ ", "   "
		}
		fmt.Fprintf(b, "%s%s%s %s: %s\n", indent, branch, l.To.Words(), l.ToReason, l.Sentence)
		draw(b, below, node(l.To, l.ToReason), indent+next)
	}
}
