package describe

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/lazyregexp"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/view"
)

func containers(n *node) []corev1.Container {
	var out []corev1.Container
	for _, k := range n.kids {
		if k.key == "" {
			continue
		}
		c := corev1.Container{Name: k.key, Image: view.Value(k.get("Image"))}
		c.Ports = ports(k)
		c.Command = texts(k.kid("Command"))
		c.Args = texts(k.kid("Args"))
		c.Resources.Limits = quantities(k.kid("Limits"))
		c.Resources.Requests = quantities(k.kid("Requests"))
		c.LivenessProbe = probe(k.get("Liveness"))
		c.ReadinessProbe = probe(k.get("Readiness"))
		c.StartupProbe = probe(k.get("Startup"))
		c.EnvFrom = envFrom(k.kid("Environment Variables from"))
		c.Env = env(k.kid("Environment"))
		c.VolumeMounts = mounts(k.kid("Mounts"))
		out = append(out, c)
	}
	return out
}

func statuses(n *node) []corev1.ContainerStatus {
	var out []corev1.ContainerStatus
	for _, k := range n.kids {
		if k.key == "" || !k.has("State") && !k.has("Restart Count") {
			continue
		}
		out = append(out, corev1.ContainerStatus{
			Name: k.key, Image: view.Value(k.get("Image")), ImageID: view.Value(k.get("Image ID")),
			ContainerID: view.Value(k.get("Container ID")), Ready: k.get("Ready") == "True",
			RestartCount: view.Int32(k.get("Restart Count")),
			State:        state(k.kid("State")), LastTerminationState: state(k.kid("Last State")),
		})
	}
	return out
}

func state(n *node) corev1.ContainerState {
	var s corev1.ContainerState
	switch n.value {
	case "Running":
		s.Running = &corev1.ContainerStateRunning{}
		s.Running.StartedAt, _ = view.Time(n.get("Started"))
	case "Waiting":
		s.Waiting = &corev1.ContainerStateWaiting{Reason: n.get("Reason"), Message: n.kid("Message").rest()}
	case "Terminated":
		s.Terminated = &corev1.ContainerStateTerminated{Reason: n.get("Reason"), Message: n.kid("Message").rest(),
			ExitCode: view.Int32(n.get("Exit Code")), Signal: view.Int32(n.get("Signal"))}
		s.Terminated.StartedAt, _ = view.Time(n.get("Started"))
		s.Terminated.FinishedAt, _ = view.Time(n.get("Finished"))
	}
	return s
}

// ports reads 9555/TCP, 80/UDP of the keys Port or Ports, and the host's.
func ports(n *node) []corev1.ContainerPort {
	list := split(n.get("Ports") + n.get("Port"))
	host := split(n.get("Host Ports") + n.get("Host Port"))
	var out []corev1.ContainerPort
	for i, p := range list {
		number, protocol, _ := strings.Cut(p, "/")
		// "8080/TCP (http)" has the port's name since 1.34.
		protocol, name, _ := strings.Cut(protocol, " (")
		c := corev1.ContainerPort{ContainerPort: view.Int32(number), Protocol: corev1.Protocol(protocol), Name: strings.TrimSuffix(name, ")")}
		if i < len(host) {
			c.HostPort = view.Int32(host[i])
		}
		out = append(out, c)
	}
	return out
}

// split reads a list with commas.
func split(s string) []string {
	var out []string
	for _, p := range strings.Split(s, ",") {
		if !view.None(p) {
			out = append(out, strings.TrimSpace(p))
		}
	}
	return out
}

// texts are the lines of Command or Args. An argument of several lines cannot be
// told from several arguments.
func texts(n *node) []string {
	var out []string
	for _, l := range n.lines {
		if t := strings.TrimSpace(l); t != "" {
			out = append(out, t)
		}
	}
	return out
}

func quantities(n *node) corev1.ResourceList {
	var l corev1.ResourceList
	for _, k := range n.kids {
		if q, ok := view.Quantity(k.value); ok && k.key != "" {
			if l == nil {
				l = corev1.ResourceList{}
			}
			l[corev1.ResourceName(k.key)] = q
		}
	}
	return l
}

var (
	fromKey   = lazyregexp.New(`^<set to the key '(.*?)' (?:in|of) (secret|config map) '(.*?)'>\s*(?:Optional: (true|false))?`)
	fromField = lazyregexp.New(`^(.*?)\s?\((v1:[A-Za-z.\[\]'/_-]+)\)$`)
	fromLimit = lazyregexp.New(`^(.*?)\s?\(((?:limits|requests)\.[a-z-]+)\)$`)
	fromAll   = lazyregexp.New(`^(\S+)\s+(ConfigMap|Secret)(?: with prefix '(.*)')?\s+Optional: (true|false)`)
)

func env(n *node) []corev1.EnvVar {
	var out []corev1.EnvVar
	for _, k := range n.kids {
		if k.key == "" {
			continue
		}
		e := corev1.EnvVar{Name: k.key, ValueFrom: envSource(k.value)}
		if e.ValueFrom == nil {
			e.Value = k.rest()
		}
		out = append(out, e)
	}
	return out
}

// envSource is where a variable's value comes from; nil if it stands there itself.
func envSource(value string) *corev1.EnvVarSource {
	// Most stand there: the expressions are slow.
	switch {
	case strings.HasPrefix(value, "<set to the key"):
		if m := fromKey.FindStringSubmatch(value); m != nil {
			return keySource(m)
		}
	case strings.HasSuffix(value, ")"):
		if m := fromField.FindStringSubmatch(value); m != nil {
			version, path, _ := strings.Cut(m[2], ":")
			return &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{APIVersion: version, FieldPath: path}}
		}
		if m := fromLimit.FindStringSubmatch(value); m != nil {
			return &corev1.EnvVarSource{ResourceFieldRef: &corev1.ResourceFieldSelector{Resource: m[2]}}
		}
	}
	return nil
}

func keySource(m []string) *corev1.EnvVarSource {
	var optional *bool
	if m[4] == "true" {
		yes := true
		optional = &yes
	}
	name := corev1.LocalObjectReference{Name: m[3]}
	if m[2] == "secret" {
		return &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: name, Key: m[1], Optional: optional}}
	}
	return &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: name, Key: m[1], Optional: optional}}
}

func envFrom(n *node) []corev1.EnvFromSource {
	var out []corev1.EnvFromSource
	for _, k := range n.kids {
		m := fromAll.FindStringSubmatch(k.text)
		if m == nil {
			continue
		}
		e := corev1.EnvFromSource{Prefix: m[3]}
		var optional *bool
		if m[4] == "true" {
			yes := true
			optional = &yes
		}
		name := corev1.LocalObjectReference{Name: m[1]}
		if m[2] == "Secret" {
			e.SecretRef = &corev1.SecretEnvSource{LocalObjectReference: name, Optional: optional}
		} else {
			e.ConfigMapRef = &corev1.ConfigMapEnvSource{LocalObjectReference: name, Optional: optional}
		}
		out = append(out, e)
	}
	return out
}

var mountForm = lazyregexp.New(`^(\S.*) from (\S+) \((ro|rw)(?:,path="(.*)")?\)$`)

func mounts(n *node) []corev1.VolumeMount {
	var out []corev1.VolumeMount
	for _, k := range n.kids {
		if m := mountForm.FindStringSubmatch(k.text); m != nil {
			out = append(out, corev1.VolumeMount{MountPath: m[1], Name: m[2], ReadOnly: m[3] == "ro", SubPath: m[4]})
		}
	}
	return out
}
