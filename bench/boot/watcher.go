package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// How often a foreign process is asked anew. The API is only watched.
const (
	pollEvery  = 10 * time.Millisecond
	retryEvery = 20 * time.Millisecond
)

// observer watches one cluster from outside, as its user would.
type observer struct {
	g       *ground
	side    side
	cluster running
	http    *http.Client
}

func newObserver(g *ground, s side, cluster running) *observer {
	return &observer{g: g, side: s, cluster: cluster, http: &http.Client{
		Timeout: 2 * time.Second,
		Transport: &http.Transport{
			DialContext: g.dial,
			// Health paths need no credentials, and the authority may not exist yet.
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // see above
		},
	}}
}

func (o *observer) close() { o.http.CloseIdleConnections() }

// poll calls try until it returns nil.
func (o *observer) poll(ctx context.Context, what string, every time.Duration, try func(context.Context) error) error {
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		if failed := o.cluster.Err(); failed != nil {
			return fmt.Errorf("%s: %w", what, failed)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, errors.Join(ctx.Err(), err))
		case <-time.After(every):
		}
	}
}

// get returns nil for status 200.
func (o *observer) get(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := o.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(response.Body, 512))
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", url, response.Status, body)
	}
	return nil
}

// apiReady returns once /readyz says ok.
func (o *observer) apiReady(ctx context.Context) error {
	return o.poll(ctx, "API ready", pollEvery, func(ctx context.Context) error { return o.get(ctx, "https://"+nodeIP+":6443/readyz") })
}

// client returns the administrator's client, once there is a kubeconfig.
func (o *observer) client(ctx context.Context) (kubernetes.Interface, error) {
	path := o.side.Kubeconfig(o.g)
	err := o.poll(ctx, "kubeconfig written", pollEvery, func(context.Context) error {
		_, err := os.Stat(path)
		return err
	})
	if err != nil {
		return nil, err
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		return nil, err
	}
	config.Dial = o.g.dial
	config.QPS = -1
	config.Timeout = 15 * time.Second
	return kubernetes.NewForConfig(config)
}

// serving returns once the API accepts requests from the administrator.
func (o *observer) serving(ctx context.Context, client kubernetes.Interface) error {
	return o.poll(ctx, "API accepts requests", retryEvery, func(ctx context.Context) error {
		return o.side.Serving(ctx, client)
	})
}

// createPod creates the measured pod, as early as the API takes it.
func (o *observer) createPod(ctx context.Context, client kubernetes.Interface, name string) error {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: answerPod()}
	return o.poll(ctx, "create pod", retryEvery, func(ctx context.Context) error {
		_, err := client.CoreV1().Pods(metav1.NamespaceDefault).Create(ctx, pod, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			return nil
		}
		return err
	})
}

func answerPod() corev1.PodSpec {
	return corev1.PodSpec{Containers: []corev1.Container{{
		Name: "answer", Image: answerImage, ImagePullPolicy: corev1.PullNever,
		Ports: []corev1.ContainerPort{{ContainerPort: 8080}},
	}}}
}

// podAnswers returns the pod's address once it is Running and answers HTTP.
func (o *observer) podAnswers(ctx context.Context, client kubernetes.Interface, name string) (address string, err error) {
	for address == "" {
		address, err = o.podRuns(ctx, client, name)
		if ctx.Err() != nil {
			return "", fmt.Errorf("pod %s runs: %w", name, errors.Join(ctx.Err(), err))
		}
	}
	return address, o.poll(ctx, "pod answers", pollEvery, func(ctx context.Context) error { return o.get(ctx, "http://"+address+":8080/") })
}

// podRuns watches until the pod is Running, or the watch ends.
func (o *observer) podRuns(ctx context.Context, client kubernetes.Interface, name string) (address string, err error) {
	w, err := client.CoreV1().Pods(metav1.NamespaceDefault).Watch(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("metadata.name", name).String(),
	})
	if err != nil {
		return "", err
	}
	defer w.Stop()
	for {
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case event, open := <-w.ResultChan():
			if !open {
				return "", fmt.Errorf("the watch ended")
			}
			pod, ok := event.Object.(*corev1.Pod)
			if ok && pod.Status.Phase == corev1.PodRunning && pod.Status.PodIP != "" {
				return pod.Status.PodIP, nil
			}
		}
	}
}
