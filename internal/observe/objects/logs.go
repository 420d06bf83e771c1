package objects

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// maxLog bounds the bytes that are read of one log, logTime the time.
const (
	maxLog  = 64 << 10
	logTime = 5 * time.Second
	// perOwner is how many pods of one owner have their logs read: they say the
	// same.
	perOwner = 2
)

// failing is a container whose log may say why it fails.
type failing struct {
	pod       record.Record
	container string
	previous  bool
	rank      int // the least first
}

// failingIn finds the containers of a pod that ended or are not ready.
func failingIn(raw json.RawMessage, r record.Record) ([]failing, error) {
	var pod struct {
		Status struct {
			Phase                 corev1.PodPhase          `json:"phase"`
			InitContainerStatuses []corev1.ContainerStatus `json:"initContainerStatuses"`
			ContainerStatuses     []corev1.ContainerStatus `json:"containerStatuses"`
		} `json:"status"`
	}
	if err := json.Unmarshal(raw, &pod); err != nil {
		return nil, err
	}
	var out []failing
	for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		last := c.LastTerminationState.Terminated
		switch t := c.State.Terminated; {
		case t != nil && t.ExitCode != 0:
			out = append(out, failing{r, c.Name, false, 0})
		case last != nil && last.ExitCode != 0:
			out = append(out, failing{r, c.Name, true, 0})
			if c.State.Running != nil && !c.Ready {
				out = append(out, failing{r, c.Name, false, 1})
			}
		case c.State.Running != nil && !c.Ready:
			out = append(out, failing{r, c.Name, false, 1})
		}
	}
	return out, nil
}

// logs reads the ends of the failing containers' logs.
func (s *snapshot) logs(ctx context.Context) {
	if s.opts.Logs < 0 || s.opts.LogLines < 0 {
		return
	}
	each(s, chosen(s.failing, s.opts.Logs), func(f failing) {
		lines, err := s.source.log(ctx, f.pod.Object, f.container, f.previous, s.opts.LogLines)
		if err != nil || len(lines) == 0 {
			return // there may be no container before, or no right to logs
		}
		r := f.pod
		r.Time, r.Source = s.opts.Now().UTC(), SourceLogs
		r.Payload = &record.Log{Container: f.container, Previous: f.previous, Lines: lines}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.records = append(s.records, r)
		s.report.Logs++
	})
}

// chosen are at most so many containers: those that ended first, of each owner a few.
func chosen(all []failing, most int) []failing {
	slices.SortStableFunc(all, func(a, b failing) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), a.pod.Object.Compare(b.pod.Object))
	})
	type like struct {
		owner     record.Ref
		container string
		previous  bool
	}
	count := map[like]int{}
	var out []failing
	for _, f := range all {
		owner := f.pod.Object
		if len(f.pod.Owners) > 0 {
			owner = f.pod.Owners[0]
		}
		l := like{owner, f.container, f.previous}
		if count[l]++; count[l] <= perOwner && len(out) < most {
			out = append(out, f)
		}
	}
	return out
}

// log reads the end of a container's log.
func (s *source) log(ctx context.Context, pod record.Ref, container string, previous bool, lines int) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, logTime)
	defer cancel()
	body, err := s.plain.Get().AbsPath("/api/v1/namespaces/"+pod.Namespace+"/pods/"+pod.Name+"/log").
		Param("container", container).Param("previous", strconv.FormatBool(previous)).
		Param("tailLines", strconv.Itoa(lines)).Param("limitBytes", strconv.Itoa(maxLog)).Param("timestamps", "true").
		Do(ctx).Raw()
	if err != nil {
		return nil, err
	}
	body = bytes.TrimRight(body, "\n")
	if len(body) == 0 {
		return nil, nil
	}
	return strings.Split(strings.ToValidUTF8(string(body), "\uFFFD"), "\n"), nil
}
