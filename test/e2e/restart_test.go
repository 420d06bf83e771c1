package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/test/cluster"
)

// Not in parallel: it runs before all other tests, while nobody else needs the
// API server.
func TestRestartLeavesContainersRunning(t *testing.T) {
	requireOurs(t)
	s := newSerialSpace(t)
	before := s.start("web", server(withEnv("VERSION", "before")))
	s.service("web", corev1.ServiceSpec{})
	service := s.pod("web").Status.PodIP + ":8080"
	processes := containers(s, before)

	ctx, cancel := context.WithTimeout(s.ctx, cluster.Patience(60*time.Second))
	defer cancel()
	started := time.Now()
	s.must(ours.Stop(ctx))
	t.Logf("stopped after %.1f s", time.Since(started).Seconds())
	if pid := ours.PID(); pid != 0 {
		t.Fatalf("bulkheadd still runs as %d", pid)
	}
	// Nobody is in charge, and the pod answers.
	if a, err := fetchFrom(ctx, fromNode, service); err != nil || a.Version != "before" {
		t.Errorf("while the daemon is down, the pod answers %+v, %v", a, err)
	}
	started = time.Now()
	s.must(ours.Start(ctx))
	t.Logf("ready again after %.1f s", time.Since(started).Seconds())

	after := s.podReady("web")
	old, now := before.Status.ContainerStatuses[0], after.Status.ContainerStatuses[0]
	if old.ContainerID != now.ContainerID || now.RestartCount != 0 || now.State.Running == nil || !now.State.Running.StartedAt.Equal(&old.State.Running.StartedAt) {
		t.Errorf("before: %+v\nafter: %+v", old, now)
	}
	if before.UID != after.UID || before.Status.PodIP != after.Status.PodIP {
		t.Errorf("the pod was %s at %s and is %s at %s", before.UID, before.Status.PodIP, after.UID, after.Status.PodIP)
	}
	for pid, start := range containers(s, after) {
		if processes[pid] != start {
			t.Errorf("process %d is new since the restart", pid)
		}
		delete(processes, pid)
	}
	if len(processes) > 0 {
		t.Errorf("processes that ended during the restart: %v", processes)
	}
	// The new daemon is in charge of the old container.
	if out, _, err := s.exec("web", "", "/bin/testapp", "echo", "still here"); err != nil || out != "still here\n" {
		t.Errorf("exec into the old container: %q, %v", out, err)
	}
	s.start("client", server())
	s.eventually(20*time.Second, "the Service leads to the old container", s.answeredBy("client", "web", "web"))
	s.post("web", "/switch/ready/off")
	s.podUntil("web", 20*time.Second, "is found not ready by its probe", func(pod *corev1.Pod) error {
		if isReady(pod) == nil {
			return errors.New("it is ready")
		}
		return nil
	})
}

// containers returns when each process of a pod was started, by its number.
func containers(s *space, pod *corev1.Pod) map[int]string {
	s.Helper()
	found, err := ours.Containers()
	s.must(err)
	if len(found) == 0 {
		s.must(fmt.Errorf("no process is in cgroup %s", ours.Config.CgroupRoot()))
	}
	starts := map[int]string{}
	for _, process := range found {
		// Pods of earlier tests may still be ending.
		groups, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", process.PID))
		if err != nil || !strings.Contains(string(groups), string(pod.UID)) {
			continue
		}
		starts[process.PID] = process.Started
	}
	if len(starts) == 0 {
		s.must(fmt.Errorf("pod %s has no process in cgroup %s", pod.Name, ours.Config.CgroupRoot()))
	}
	return starts
}
