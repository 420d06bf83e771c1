package main

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// phases goes through the steps of minikube's time-to-k8s benchmark
// (https://minikube.sigs.k8s.io/docs/benchmarks/timetok8s/), one after the
// other: the command that a person types returns, the API answers, the Services
// kubernetes and kube-dns are there, an app that is deployed then runs, and a
// pod resolves a name. Each figure is the time since the command was given.
func (s *sample) phases(ctx context.Context, g *ground, sd side) error {
	began := time.Now()
	cluster, err := sd.Up(ctx, g)
	if cluster != nil {
		defer func() { _ = cluster.Stop(context.WithoutCancel(ctx)) }()
	}
	if err != nil {
		return err
	}
	o := newObserver(g, sd, cluster)
	defer o.close()
	var client kubernetes.Interface
	var address string
	for _, step := range []struct {
		metric string
		reach  func() error
	}{
		{"phase-command", func() error { return nil }},
		{"phase-api", func() error {
			if err := o.apiReady(ctx); err != nil {
				return err
			}
			client, err = o.client(ctx)
			return err
		}},
		{"phase-service", func() error { return o.hasService(ctx, client, metav1.NamespaceDefault, "kubernetes") }},
		{"phase-dns-service", func() error {
			if err := o.serving(ctx, client); err != nil {
				return err
			}
			return o.hasService(ctx, client, metav1.NamespaceSystem, "kube-dns")
		}},
		{"phase-app", func() error {
			address, err = o.deploy(ctx, client)
			return err
		}},
		{"phase-dns", func() error {
			return o.poll(ctx, "DNS answers from a pod", retryEvery, func(ctx context.Context) error {
				return o.get(ctx, "http://"+address+":8080/lookup?name=kubernetes.default")
			})
		}},
	} {
		if err := step.reach(); err != nil {
			return fmt.Errorf("%s: %w", step.metric, err)
		}
		s.Figures[step.metric] = time.Since(began).Seconds()
	}
	s.Restarts = cluster.Restarts()
	return nil
}

func (o *observer) hasService(ctx context.Context, client kubernetes.Interface, namespace, name string) error {
	return o.poll(ctx, "Service "+name, retryEvery, func(ctx context.Context) error {
		_, err := client.CoreV1().Services(namespace).Get(ctx, name, metav1.GetOptions{})
		return err
	})
}

// deploy creates a Deployment and returns the address of its pod, which runs and
// answers.
func (o *observer) deploy(ctx context.Context, client kubernetes.Interface) (address string, err error) {
	labels := map[string]string{"app": "answer"}
	deployment := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "answer"},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: answerPod()},
		},
	}
	_, err = client.AppsV1().Deployments(metav1.NamespaceDefault).Create(ctx, deployment, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return "", fmt.Errorf("deploy the app: %w", err)
	}
	err = o.poll(ctx, "the app's pod runs", retryEvery, func(ctx context.Context) error {
		pods, err := client.CoreV1().Pods(metav1.NamespaceDefault).List(ctx, metav1.ListOptions{LabelSelector: "app=answer"})
		if err != nil {
			return err
		}
		for _, pod := range pods.Items {
			if pod.Status.Phase == corev1.PodRunning && pod.Status.PodIP != "" {
				address = pod.Status.PodIP
				return nil
			}
		}
		return fmt.Errorf("none of %d pods runs", len(pods.Items))
	})
	if err != nil {
		return "", err
	}
	return address, o.poll(ctx, "the app answers", pollEvery, func(ctx context.Context) error { return o.get(ctx, "http://"+address+":8080/") })
}
