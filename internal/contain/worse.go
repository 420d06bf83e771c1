package contain

import (
	"fmt"
	"time"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

// settle is how long a brake has before it is judged by what came of it.
const settle = 2 * time.Minute

// harm is a way in which a brake can make it worse; the text says it of the two
// measures.
type harm func(before, now *v1alpha1.Measure) string

// harms are the ways in which each brake can do harm by itself. What only waits, as
// a repair, can make nothing fail; and that the failure itself grows is no harm that
// a brake does which leaves the failing pods alone.
var harms = map[v1alpha1.Action][]harm{
	v1alpha1.ActionScaleUp:    {starved},
	v1alpha1.ActionSpread:     {starved},
	v1alpha1.ActionDiskUse:    {starved},
	v1alpha1.ActionRestart:    {neighbours},
	v1alpha1.ActionRollout:    {moreFail, fewerReady},
	v1alpha1.ActionDisruption: {sicker},
}

// grown says that a number is more than twice what it was, and that it is not
// chance.
func grown(before, now int32) bool { return now > 2*before && now >= before+2 }

func moreFail(before, now *v1alpha1.Measure) string {
	if !grown(before.FailingPods, now.FailingPods) {
		return ""
	}
	return fmt.Sprintf("%d of its pods fail; before, %d did", now.FailingPods, before.FailingPods)
}

func fewerReady(before, now *v1alpha1.Measure) string {
	if !grown(now.ReadyPods, before.ReadyPods) {
		return ""
	}
	return fmt.Sprintf("%d of its pods are ready; before, %d were", now.ReadyPods, before.ReadyPods)
}

// starved says that a workload has far fewer pods that are ready, although no more of
// them fail.
func starved(before, now *v1alpha1.Measure) string {
	if now.FailingPods > before.FailingPods {
		return ""
	}
	return fewerReady(before, now)
}

func neighbours(before, now *v1alpha1.Measure) string {
	if !grown(before.NeighboursDown, now.NeighboursDown) {
		return ""
	}
	return fmt.Sprintf("%d pods of others on its nodes are not ready; before, %d were not", now.NeighboursDown, before.NeighboursDown)
}

func sicker(before, now *v1alpha1.Measure) string {
	if !grown(before.SickNodes, now.SickNodes) {
		return ""
	}
	return fmt.Sprintf("%d nodes are ill; before, %d were", now.SickNodes, before.SickNodes)
}

// worse says what a brake has made worse; empty if nothing.
func worse(b *v1alpha1.Brake, now *v1alpha1.Measure, at time.Time) string {
	if b.Status.Before == nil || b.Status.Since == nil || at.Sub(b.Status.Since.Time) < settle {
		return ""
	}
	for _, h := range harms[b.Spec.Action] {
		if text := h(b.Status.Before, now); text != "" {
			return text
		}
	}
	return ""
}
