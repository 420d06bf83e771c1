package roundtrip

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	quantity "k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/resource"
)

// generator makes objects that have what a description shows, by chance.
type generator struct{ *rand.Rand }

func (g *generator) maybe() bool { return g.IntN(2) == 0 }

func (g *generator) name() string {
	return fmt.Sprintf("%s-%x", []string{"web", "cart", "db", "mail-out", "x"}[g.IntN(5)], g.IntN(1<<16))
}

func (g *generator) time() metav1.Time {
	return metav1.Time{Time: time.Date(2026, 3, 1+g.IntN(20), g.IntN(24), g.IntN(60), g.IntN(60), 0, time.UTC)}
}

func (g *generator) labels() map[string]string {
	if g.IntN(4) == 0 {
		return nil
	}
	m := map[string]string{"app": g.name()}
	for range g.IntN(3) {
		m["example.com/"+g.name()] = []string{"", "true", "v1.2.3", "a-b_c"}[g.IntN(4)]
	}
	return m
}

func (g *generator) annotations() map[string]string {
	if g.IntN(3) == 0 {
		return nil
	}
	m := map[string]string{"example.com/note": []string{"a: b", "plain", "{\"x\":1}", "with  spaces"}[g.IntN(4)]}
	if g.maybe() {
		m["example.com/lines"] = "first line\nsecond: line\n  indented"
	}
	if g.maybe() {
		m["example.com/long"] = strings.Repeat("abcdefghij", 13)
	}
	return m
}

func (g *generator) meta() metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: g.name(), Namespace: "shop", Labels: g.labels(), Annotations: g.annotations()}
}

func (g *generator) quantity() quantity.Quantity {
	return quantity.MustParse([]string{"100m", "2", "128Mi", "1Gi", "1500m", "95002767203"}[g.IntN(6)])
}

func (g *generator) resources() corev1.ResourceList {
	if g.maybe() {
		return nil
	}
	return corev1.ResourceList{"cpu": quantity.MustParse("250m"), "memory": g.quantity(), "ephemeral-storage": g.quantity()}
}

func (g *generator) image() string {
	return fmt.Sprintf("registry.example.com:5000/%s:v%d", g.name(), g.IntN(9))
}

func (g *generator) selector() *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{"app": g.name(), "tier": "back"}}
}

func (g *generator) probe() *corev1.Probe {
	if g.maybe() {
		return nil
	}
	p := &corev1.Probe{InitialDelaySeconds: int32(g.IntN(60)), TimeoutSeconds: 1, PeriodSeconds: 10, SuccessThreshold: 1, FailureThreshold: int32(1 + g.IntN(9))}
	switch g.IntN(4) {
	case 0:
		p.HTTPGet = &corev1.HTTPGetAction{Scheme: "HTTP", Path: "/healthz", Port: intstr.FromInt32(8080)}
		if g.maybe() {
			p.HTTPGet.Host, p.HTTPGet.Port, p.HTTPGet.Path = "10.0.0.1", intstr.FromString("http"), "/a b"
		}
	case 1:
		p.TCPSocket = &corev1.TCPSocketAction{Port: intstr.FromInt32(80)}
	case 2:
		p.Exec = &corev1.ExecAction{Command: []string{"sh", "-c", "cat /ready && echo ok"}}
	case 3:
		service := "health"
		p.GRPC = &corev1.GRPCAction{Port: 9555, Service: &service}
	}
	return p
}

func (g *generator) env() []corev1.EnvVar {
	yes := true
	all := []corev1.EnvVar{
		{Name: "PORT", Value: "8080"},
		{Name: "EMPTY"},
		{Name: "LINES", Value: "one\ntwo: x"},
		{Name: "OPTS", Value: "-Da=b:c -Xmx=1"},
		{Name: "PASSWORD", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "db"}, Key: "password"}}},
		{Name: "MODE", ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "conf"}, Key: "mode", Optional: &yes}}},
		{Name: "POD", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.name"}}},
		{Name: "CPUS", ValueFrom: &corev1.EnvVarSource{ResourceFieldRef: &corev1.ResourceFieldSelector{Resource: "limits.cpu"}}},
	}
	g.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:g.IntN(len(all))]
}

func (g *generator) container(name string) corev1.Container {
	c := corev1.Container{Name: name, Image: g.image(), Env: g.env(), LivenessProbe: g.probe(), ReadinessProbe: g.probe(), StartupProbe: g.probe()}
	c.Resources.Limits, c.Resources.Requests = g.resources(), g.resources()
	for i := range g.IntN(3) {
		c.Ports = append(c.Ports, corev1.ContainerPort{ContainerPort: int32(8000 + i), Protocol: corev1.ProtocolTCP})
	}
	if g.maybe() {
		c.Command, c.Args = []string{"/bin/server", "--config=/etc/x: y"}, []string{"-v", "2"}
	}
	if g.maybe() {
		c.EnvFrom = []corev1.EnvFromSource{
			{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "conf"}}},
			{Prefix: "DB_", SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "db"}}}}
	}
	if g.maybe() {
		c.VolumeMounts = []corev1.VolumeMount{{MountPath: "/data", Name: "data"}, {MountPath: "/etc/conf", Name: "conf", ReadOnly: true, SubPath: "a/b"}}
	}
	return c
}

func (g *generator) containers() []corev1.Container {
	out := []corev1.Container{g.container("server")}
	if g.maybe() {
		out = append(out, g.container("side-car"))
	}
	return out
}

func (g *generator) volumes() []corev1.Volume {
	if g.IntN(3) == 0 {
		return nil
	}
	yes, seconds := true, int64(3607)
	file := corev1.HostPathFile
	size := quantity.MustParse("1Gi")
	v := []corev1.Volume{
		{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data-0"}}},
		{Name: "conf", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "conf"}, Optional: &yes}}},
		{Name: "keys", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "keys"}}},
		{Name: "tmp", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: "Memory", SizeLimit: &size}}},
		{Name: "host", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/var/log/x", Type: &file}}},
		{Name: "kube-api-access-4nkv5", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{ExpirationSeconds: &seconds}},
			{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: corev1.LocalObjectReference{Name: "kube-root-ca.crt"}}},
			{DownwardAPI: &corev1.DownwardAPIProjection{}}}}}},
	}
	g.Shuffle(len(v), func(i, j int) { v[i], v[j] = v[j], v[i] })
	return v[:1+g.IntN(len(v))]
}

func (g *generator) podSpec() corev1.PodSpec {
	s := corev1.PodSpec{Containers: g.containers(), Volumes: g.volumes(), ServiceAccountName: "runner"}
	if g.maybe() {
		s.InitContainers = []corev1.Container{g.container("setup")}
	}
	if g.maybe() {
		s.NodeSelector = map[string]string{"disk": "ssd", "zone": "a"}
	}
	if g.maybe() {
		five := int64(300)
		s.Tolerations = []corev1.Toleration{{Key: "dedicated", Value: "db", Effect: "NoSchedule"},
			{Key: "node.kubernetes.io/not-ready", Operator: "Exists", Effect: "NoExecute", TolerationSeconds: &five}}
	}
	if g.maybe() {
		s.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{TopologyKey: "topology.kubernetes.io/zone", WhenUnsatisfiable: "DoNotSchedule", MaxSkew: 2, LabelSelector: g.selector()}}
	}
	if g.maybe() {
		s.PriorityClassName = "high"
	}
	return s
}

func (g *generator) template() corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: g.labels(), Annotations: g.annotations()}, Spec: g.podSpec()}
}

func (g *generator) controlled(m metav1.ObjectMeta, kind string) metav1.ObjectMeta {
	if g.maybe() {
		yes := true
		m.OwnerReferences = []metav1.OwnerReference{{APIVersion: version(kind), Kind: kind, Name: g.name(), Controller: &yes}}
	}
	return m
}

func generators() map[string]func(g *generator) resource.Object {
	m := map[string]func(g *generator) resource.Object{}
	for k, f := range workloadGenerators() {
		m[k] = f
	}
	for k, f := range otherGenerators() {
		m[k] = f
	}
	return m
}

// version is the API version of the kinds that own others.
func version(kind string) string {
	if kind == "CronJob" {
		return "batch/v1"
	}
	return "apps/v1"
}
