package decide

import (
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

// The actions that limits count.
const (
	actScaleUp   = "ScaleUp"
	actScaleDown = "ScaleDown"
	actRepair    = "Repair"
	actDeletion  = "Deletion"
)

// room is how many more nodes an action may take now, and which limit says so.
// total is what a percentage of Parallel is of, underWay how many it has now.
func (p *pool) room(action string, l v1alpha1.Limits, total, underWay int) (n int, why string) {
	n, why = int(^uint(0)>>1), ""
	less := func(have int, format string, args ...any) {
		if have < n {
			n, why = max(have, 0), fmt.Sprintf(format, args...)
		}
	}
	per := l.Per.Duration
	recent := 0
	for _, t := range p.memory.Recent[p.Name+"/"+action] {
		if p.now.Sub(t) < per {
			recent++
		}
	}
	less(int(*l.Rate)-recent, "the rate of %d in %s is reached", *l.Rate, per)
	parallel := share(l.Parallel, total, 1)
	less(parallel-underWay, "%d are under way, of %d at once", underWay, parallel)
	spent := p.spent(action)
	less(int(*l.Budget)-spent, "the budget of 24 hours is used up: %d of %d", spent, *l.Budget)
	return n, why
}

func (p *pool) spent(action string) int {
	n := 0
	for _, s := range p.status.Spent {
		if s.Action == action && p.now.Sub(s.Hour.Time) < 24*time.Hour {
			n += int(s.Count)
		}
	}
	return n
}

// spend notes that an action took n nodes.
func (p *pool) spend(action string, n int) {
	key := p.Name + "/" + action
	for range n {
		p.memory.Recent[key] = append(p.memory.Recent[key], p.now)
	}
	hour := p.now.Truncate(time.Hour)
	for i := range p.status.Spent {
		if s := &p.status.Spent[i]; s.Action == action && s.Hour.Time.Equal(hour) {
			s.Count += int32(n)
			return
		}
	}
	p.status.Spent = append(p.status.Spent, v1alpha1.Spent{Action: action, Hour: metav1.NewTime(hour), Count: int32(n)})
}

// forget drops what no limit looks at any more.
func (p *pool) forget() {
	p.status.Spent = slices.DeleteFunc(p.status.Spent, func(s v1alpha1.Spent) bool { return p.now.Sub(s.Hour.Time) >= 24*time.Hour })
	for action, l := range map[string]v1alpha1.Limits{actScaleUp: p.Spec.ScaleUp.Limits, actScaleDown: p.Spec.ScaleDown.Limits, actRepair: p.Spec.Repair.Limits} {
		key := p.Name + "/" + action
		if left := slices.DeleteFunc(p.memory.Recent[key], func(t time.Time) bool { return p.now.Sub(t) >= l.Per.Duration }); len(left) > 0 {
			p.memory.Recent[key] = left
		} else {
			delete(p.memory.Recent, key)
		}
	}
}
