package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/util/exec"
)

// exec runs a program in a pod's first container and returns what it wrote.
func (s *space) exec(pod string, input string, command ...string) (stdout, stderr string, err error) {
	s.Helper()
	request := kube.CoreV1().RESTClient().Post().Resource("pods").Namespace(s.name).Name(pod).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Command: command, Stdin: input != "", Stdout: true, Stderr: true}, scheme.ParameterCodec)
	executor, err := remotecommand.NewWebSocketExecutor(access, "GET", request.URL().String())
	s.must(err)
	var out, errs bytes.Buffer
	options := remotecommand.StreamOptions{Stdout: &out, Stderr: &errs}
	if input != "" {
		options.Stdin = strings.NewReader(input)
	}
	err = executor.StreamWithContext(s.ctx, options)
	return out.String(), errs.String(), err
}

func TestExec(t *testing.T) {
	s := newSpace(t)
	s.start("web", server(withEnv("COLOR", "green")))
	out, _, err := s.exec("web", "", "/bin/testapp", "echo", "the color is $COLOR")
	if err != nil || out != "the color is green\n" {
		t.Errorf("exec wrote %q, %v", out, err)
	}
	out, _, err = s.exec("web", "through and through", "/bin/testapp", "cat")
	if err != nil || out != "through and through" {
		t.Errorf("with input, exec wrote %q, %v", out, err)
	}
	_, errs, err := s.exec("web", "", "/bin/testapp", "no-such-mode")
	if !strings.Contains(errs, "no mode") {
		t.Errorf("standard error: %q", errs)
	}
	if exit, ok := errors.AsType[exec.CodeExitError](err); !ok || exit.Code != 1 {
		t.Errorf("a program that fails gives %v, want code 1", err)
	}
	if _, _, err = s.exec("web", "", "/bin/testapp", "exit", "42"); err == nil || !strings.Contains(err.Error(), "42") {
		t.Errorf("exit code 42 came back as %v", err)
	}
	if _, _, err := s.exec("web", "", "/bin/missing"); err == nil {
		t.Error("a program that is not in the image ran")
	}
}

func TestLogs(t *testing.T) {
	s := newSpace(t)
	s.create("writer", running([]string{"exit", "0", "a line"}, func(p *corev1.PodSpec) { p.RestartPolicy = corev1.RestartPolicyNever }))
	if phase, text := s.podEnds("writer"); phase != corev1.PodSucceeded || text != "a line\n" {
		t.Errorf("phase %s, log %q", phase, text)
	}

	// Followed, a log ends when the container does; the last run's stays.
	s.start("web", server())
	ctx, cancel := context.WithTimeout(s.ctx, podLimit)
	defer cancel()
	stream, err := kube.CoreV1().Pods(s.name).GetLogs("web", &corev1.PodLogOptions{Follow: true, Timestamps: true}).Stream(ctx)
	s.must(err)
	defer stream.Close()
	lines := bufio.NewScanner(stream)
	if !lines.Scan() || !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\S+ serving on 8080$`).MatchString(lines.Text()) {
		t.Errorf("first line %q, %v", lines.Text(), lines.Err())
	}
	// What stops the container may be ended with it.
	_, _, err = s.exec("web", "", "/bin/testapp", "stop", "1")
	if exit, ok := errors.AsType[exec.CodeExitError](err); !ok || exit.Code != 128+int(syscall.SIGKILL) {
		s.must(err)
	}
	var rest []string
	for lines.Scan() {
		rest = append(rest, lines.Text())
	}
	if lines.Err() != nil || len(rest) != 2 || !strings.HasSuffix(rest[1], "ended in order") {
		t.Errorf("the rest of the followed log: %q, %v", rest, lines.Err())
	}
	s.podUntil("web", podLimit, "is restarted", func(pod *corev1.Pod) error {
		if pod.Status.ContainerStatuses[0].RestartCount == 0 {
			return errors.New("it is not")
		}
		return isReady(pod)
	})
	previous, err := kube.CoreV1().Pods(s.name).GetLogs("web", &corev1.PodLogOptions{Previous: true}).DoRaw(s.ctx)
	if err != nil || !strings.Contains(string(previous), "ended in order") {
		t.Errorf("log of the previous run: %q, %v", previous, err)
	}
}

func TestAttach(t *testing.T) {
	s := newSpace(t)
	s.create("cat", running([]string{"cat"}, func(p *corev1.PodSpec) {
		p.Containers[0].Stdin, p.Containers[0].StdinOnce = true, true
		p.RestartPolicy = corev1.RestartPolicyNever
	}))
	s.podReady("cat")
	request := kube.CoreV1().RESTClient().Post().Resource("pods").Namespace(s.name).Name("cat").SubResource("attach").
		VersionedParams(&corev1.PodAttachOptions{Stdin: true, Stdout: true}, scheme.ParameterCodec)
	executor, err := remotecommand.NewWebSocketExecutor(access, "GET", request.URL().String())
	s.must(err)
	var out bytes.Buffer
	s.must(executor.StreamWithContext(s.ctx, remotecommand.StreamOptions{Stdin: strings.NewReader("said to the process\n"), Stdout: &out}))
	if out.String() != "said to the process\n" {
		t.Errorf("attach read %q", out.String())
	}
	// Its input has ended, so the process has, too.
	if phase, text := s.podEnds("cat"); phase != corev1.PodSucceeded || text != "said to the process\n" {
		t.Errorf("phase %s, log %q", phase, text)
	}
}

func TestPortForward(t *testing.T) {
	s := newSpace(t)
	s.start("web", server(withEnv("VERSION", "forwarded")))
	s.service("web", corev1.ServiceSpec{})
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	cmd := s.kubectlCommand(ctx, "port-forward", "service/web", ":80", "--address", "127.0.0.1")
	out, err := cmd.StdoutPipe()
	s.must(err)
	s.must(cmd.Start())
	defer cmd.Wait() // it is killed
	defer cancel()
	line, err := bufio.NewReader(out).ReadString('\n')
	s.must(err)
	found := regexp.MustCompile(`127\.0\.0\.1:(\d+) -> 8080`).FindStringSubmatch(line)
	if found == nil {
		t.Fatalf("kubectl port-forward says %q", line)
	}
	for range 3 {
		a, err := fetchFrom(s.ctx, fromOutside, net.JoinHostPort("127.0.0.1", found[1]))
		if err != nil || a.Version != "forwarded" {
			t.Errorf("through the forwarded port: %+v, %v", a, err)
		}
	}
}

func TestCopy(t *testing.T) {
	s := newSpace(t)
	s.start("web", server())
	folder := t.TempDir()
	source := filepath.Join(folder, "source")
	content := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB
	s.must(os.MkdirAll(filepath.Join(source, "below"), 0o755))
	s.must(os.WriteFile(filepath.Join(source, "big"), content, 0o644))
	s.must(os.WriteFile(filepath.Join(source, "below", "small"), []byte("small"), 0o644))
	s.kubectl("cp", source, "web:/tmp/copied")
	if got := s.get("web", "/file", "path", "/tmp/copied/below/small"); got != "small" {
		t.Errorf("in the pod, the file holds %q", got)
	}
	back := filepath.Join(folder, "back")
	s.kubectl("cp", "web:/tmp/copied", back)
	for name, want := range map[string][]byte{"big": content, "below/small": []byte("small")} {
		got, err := os.ReadFile(filepath.Join(back, name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s came back with %d bytes, want %d: %v", name, len(got), len(want), err)
		}
	}
}

func TestTerminal(t *testing.T) {
	s := newSpace(t)
	s.start("web", server())
	request := kube.CoreV1().RESTClient().Post().Resource("pods").Namespace(s.name).Name("web").SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Command: []string{"/bin/testapp", "echo", "hello"}, Stdin: true, Stdout: true, TTY: true}, scheme.ParameterCodec)
	executor, err := remotecommand.NewWebSocketExecutor(access, "GET", request.URL().String())
	s.must(err)
	ctx, cancel := context.WithTimeout(s.ctx, 20*time.Second)
	defer cancel()
	input, inputEnd := net.Pipe() // stays open, as a person's keyboard does
	defer input.Close()
	defer inputEnd.Close()
	var out bytes.Buffer
	s.must(executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdin: input, Stdout: &out, Tty: true}))
	if out.String() != "hello\r\n" {
		t.Errorf("a terminal shows %q, want the carriage return that it adds", out.String())
	}
}
