package page

import (
	"strings"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

// The chain's boxes, in pixels.
const (
	boxWidth, boxHeight = 270, 56
	gapX, gapY          = 70, 18
	// A letter is up to 8 wide.
	maxText = 32
)

// chain is the way from the first cause, drawn from left to right.
type chain struct {
	Width, Height int
	Boxes         []box
	Arrows        []arrow
}

type box struct {
	X, Y, Width, Height int
	Title, Text, Tip    string
	First               bool
}

type arrow struct {
	Path, Tip string
}

// layChain places each fact of the chain once, in the column after that which led
// to it.
func layChain(s v1alpha1.IncidentStatus) chain {
	type place struct{ column, row int }
	key := func(o v1alpha1.ObjectRef, reason string) string { return o.Words() + " " + reason }
	if s.FirstCause.Reason == v1alpha1.NoCauseRecorded || len(s.Chain) == 0 {
		return chain{}
	}
	places := map[string]place{}
	rows := map[int]int{}
	var c chain
	put := func(o v1alpha1.ObjectRef, reason, tip string, column int) {
		k := key(o, reason)
		if _, there := places[k]; there {
			return
		}
		p := place{column, rows[column]}
		rows[column]++
		places[k] = p
		c.Boxes = append(c.Boxes, box{
			X: 4 + p.column*(boxWidth+gapX), Y: 4 + p.row*(boxHeight+gapY), Width: boxWidth, Height: boxHeight,
			Title: clip(shortName(o), maxText), Text: clip(reason, maxText), Tip: tip, First: column == 0,
		})
	}
	put(s.FirstCause.Object, s.FirstCause.Reason, s.FirstCause.Message, 0)
	for _, l := range s.Chain {
		from, known := places[key(l.From, l.FromReason)]
		if !known {
			put(l.From, l.FromReason, "", 0)
			from = places[key(l.From, l.FromReason)]
		}
		put(l.To, l.ToReason, l.Sentence, from.column+1)
		to := places[key(l.To, l.ToReason)]
		c.Arrows = append(c.Arrows, arrow{curve(from.column, from.row, to.column, to.row), l.Sentence})
	}
	columns, most := 0, 0
	for col, n := range rows {
		columns, most = max(columns, col+1), max(most, n)
	}
	c.Width = 8 + columns*boxWidth + (columns-1)*gapX
	c.Height = 8 + most*boxHeight + (most-1)*gapY
	return c
}

// curve goes from the right of one box to the left of another.
func curve(fromColumn, fromRow, toColumn, toRow int) string {
	x1, y1 := 4+fromColumn*(boxWidth+gapX)+boxWidth, 4+fromRow*(boxHeight+gapY)+boxHeight/2
	x2, y2 := 4+toColumn*(boxWidth+gapX)-6, 4+toRow*(boxHeight+gapY)+boxHeight/2
	bend := max(gapX/2, (x2-x1)/2)
	return strings.Join([]string{"M", itoa(x1), itoa(y1), "C", itoa(x1 + bend), itoa(y1), itoa(x2 - bend), itoa(y2), itoa(x2), itoa(y2)}, " ")
}

func shortName(o v1alpha1.ObjectRef) string {
	if o.Name == "" {
		return "the cluster"
	}
	return strings.ToLower(o.Kind) + "/" + o.Name
}
