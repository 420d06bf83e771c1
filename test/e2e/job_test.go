package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// once is a pod specification for a Job.
func once(args []string, change ...func(*corev1.PodSpec)) corev1.PodTemplateSpec {
	spec := running(args, change...)
	spec.RestartPolicy = corev1.RestartPolicyNever
	return corev1.PodTemplateSpec{Spec: spec}
}

// jobEnds waits until a Job is complete or failed and returns it.
func (s *space) jobEnds(name string, limit time.Duration) (job *batchv1.Job, ended batchv1.JobCondition) {
	s.Helper()
	s.eventually(limit, "Job "+name+" has ended", func() (err error) {
		if job, err = kube.BatchV1().Jobs(s.name).Get(s.ctx, name, metav1.GetOptions{}); err != nil {
			return err
		}
		for _, c := range job.Status.Conditions {
			if c.Status == corev1.ConditionTrue && (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) {
				ended = c
				return nil
			}
		}
		return fmt.Errorf("%d active, %d succeeded, %d failed", job.Status.Active, job.Status.Succeeded, job.Status.Failed)
	})
	return job, ended
}

func TestJobCompletes(t *testing.T) {
	s := newSpace(t)
	completions, parallelism, mode := int32(3), int32(2), batchv1.IndexedCompletion
	_, err := kube.BatchV1().Jobs(s.name).Create(s.ctx, &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: "count"},
		Spec: batchv1.JobSpec{
			Completions: &completions, Parallelism: &parallelism, CompletionMode: &mode,
			Template: once([]string{"echo", "index", "$JOB_COMPLETION_INDEX"}, func(p *corev1.PodSpec) {
				// The kubelet would expand $(NAME); testapp expands $NAME.
				p.Containers[0].Args = []string{"echo", "index ${JOB_COMPLETION_INDEX}"}
			}),
		},
	}, metav1.CreateOptions{})
	s.must(err)
	job, ended := s.jobEnds("count", podLimit)
	if ended.Type != batchv1.JobComplete || job.Status.Succeeded != 3 {
		t.Errorf("the Job ended as %s with %d successes", ended.Type, job.Status.Succeeded)
	}
	pods, err := kube.CoreV1().Pods(s.name).List(s.ctx, metav1.ListOptions{LabelSelector: "job-name=count"})
	s.must(err)
	var said []string
	for _, pod := range pods.Items {
		said = append(said, strings.TrimSpace(s.logs(pod.Name, "")))
	}
	slices.Sort(said)
	if want := []string{"index 0", "index 1", "index 2"}; !slices.Equal(said, want) {
		t.Errorf("the pods wrote %q, want %q", said, want)
	}
}

func TestJobGivesUpAfterItsBackoffLimit(t *testing.T) {
	s := newSpace(t)
	limit := int32(1)
	_, err := kube.BatchV1().Jobs(s.name).Create(s.ctx, &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: "fail"},
		Spec:       batchv1.JobSpec{BackoffLimit: &limit, Template: once([]string{"exit", "3", "no"})},
	}, metav1.CreateOptions{})
	s.must(err)
	job, ended := s.jobEnds("fail", podLimit)
	if ended.Type != batchv1.JobFailed || ended.Reason != batchv1.JobReasonBackoffLimitExceeded || job.Status.Failed != 2 {
		t.Errorf("the Job ended as %s, reason %s, with %d failures; want 2 and BackoffLimitExceeded", ended.Type, ended.Reason, job.Status.Failed)
	}
	pods, err := kube.CoreV1().Pods(s.name).List(s.ctx, metav1.ListOptions{LabelSelector: "job-name=fail"})
	s.must(err)
	for _, pod := range pods.Items {
		if end := pod.Status.ContainerStatuses[0].State.Terminated; end == nil || end.ExitCode != 3 {
			t.Errorf("pod %s ended as %+v, want code 3", pod.Name, end)
		}
	}
}

// One test for both ways by which a CronJob's template runs: on time, and when
// somebody asks (`kubectl create job --from`).
func TestCronJob(t *testing.T) {
	s := newSpace(t)
	history := int32(1)
	cron, err := kube.BatchV1().CronJobs(s.name).Create(s.ctx, &batchv1.CronJob{
		ObjectMeta: metav1.ObjectMeta{Name: "report"},
		Spec: batchv1.CronJobSpec{
			Schedule: "* * * * *", ConcurrencyPolicy: batchv1.ForbidConcurrent, SuccessfulJobsHistoryLimit: &history,
			JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: once([]string{"echo", "reported"})}},
		},
	}, metav1.CreateOptions{})
	s.must(err)

	s.kubectl("create", "job", "at-once", "--from=cronjob/report")
	if _, ended := s.jobEnds("at-once", podLimit); ended.Type != batchv1.JobComplete {
		t.Errorf("the Job made by hand ended as %s", ended.Type)
	}

	var scheduled string
	s.eventually(80*time.Second, "the CronJob has made a Job", func() error {
		jobs, err := kube.BatchV1().Jobs(s.name).List(s.ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, job := range jobs.Items {
			if job.Name != "at-once" && metav1.IsControlledBy(&job, cron) {
				scheduled = job.Name
				return nil
			}
		}
		return fmt.Errorf("%d Jobs, none is its own", len(jobs.Items))
	})
	if _, ended := s.jobEnds(scheduled, podLimit); ended.Type != batchv1.JobComplete {
		t.Errorf("the Job made on time ended as %s", ended.Type)
	}
	s.eventually(20*time.Second, "the CronJob knows when it last succeeded", func() error {
		cron, err := kube.BatchV1().CronJobs(s.name).Get(s.ctx, "report", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if cron.Status.LastScheduleTime == nil || cron.Status.LastSuccessfulTime == nil {
			return fmt.Errorf("status %+v", cron.Status)
		}
		return nil
	})
}
