package multinode

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/test/cluster"
)

// createPool makes a pool of small machines, each of which has room for one pod.
func (m *machines) createPool(name string, change func(*v1alpha1.NodePoolSpec)) {
	m.Helper()
	second, while := &metav1.Duration{Duration: time.Second}, &metav1.Duration{Duration: 10 * time.Second}
	whole := ptr.To(intstr.FromString("100%"))
	pool := v1alpha1.NodePool{
		TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "NodePool"}, ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.NodePoolSpec{
			Min: 0, Max: 4,
			Machine: v1alpha1.MachineShape{Resources: v1.ResourceList{
				v1.ResourceCPU: resource.MustParse("1"), v1.ResourceMemory: resource.MustParse("1Gi"), v1.ResourceEphemeralStorage: resource.MustParse("768Mi"),
			}},
			Labels:    map[string]string{"tier": name},
			Taints:    []v1.Taint{{Key: "only", Value: name, Effect: v1.TaintEffectNoSchedule}},
			Provider:  v1alpha1.PoolProvider{Type: v1alpha1.ProviderLocal},
			ScaleUp:   v1alpha1.ScaleUpRules{Limits: v1alpha1.Limits{Parallel: whole}},
			ScaleDown: v1alpha1.ScaleDownRules{UnneededFor: while, AfterAdd: while, Limits: v1alpha1.Limits{Parallel: whole}},
			Repair: v1alpha1.RepairRules{
				Mode: v1alpha1.ModeAct, DrainTimeout: second,
				// On a busy machine all kubelets are late at once, which is no storm of nodes.
				MaxUnhealthy: whole, Correlation: v1alpha1.Correlation{Nodes: ptr.To(intstr.FromInt32(100))}, StormCooldown: &metav1.Duration{},
				Limits: v1alpha1.Limits{Rate: ptr.To[int32](10), Parallel: whole},
				Rules:  []v1alpha1.RepairRule{{Condition: "Ready", Status: []v1.ConditionStatus{v1.ConditionFalse, v1.ConditionUnknown}, After: *second}},
			},
		},
	}
	if change != nil {
		change(&pool.Spec)
	}
	body, err := json.Marshal(pool)
	m.must(err)
	m.eventually(30*time.Second, "make pool "+name, func() error { // the daemon may still be installing the kind
		return m.kube.CoreV1().RESTClient().Post().AbsPath(nodePools).SetHeader("Content-Type", "application/json").Body(body).Do(m.ctx).Error()
	})
}

const nodePools = "/apis/bulkhead.dev/v1alpha1/nodepools"

// poolThatCannotBe has a range of addresses that this machine uses itself: its node
// fails, and the pool says why.
func (m *machines) poolThatCannotBe() {
	m.Helper()
	m.createPool("taken", func(s *v1alpha1.NodePoolSpec) {
		s.Min = 1
		s.Provider.Local = &v1alpha1.LocalProvider{Bridge: "bulkhead-taken", CIDR: m.server.Net.Address.String() + "/28"}
	})
	m.eventually(30*time.Second, "the pool says why it gets no node", func() error {
		data, err := m.kube.CoreV1().RESTClient().Get().AbsPath(nodePools, "taken").DoRaw(m.ctx)
		if err != nil {
			return err
		}
		var pool v1alpha1.NodePool
		if err := json.Unmarshal(data, &pool); err != nil {
			return err
		}
		for _, c := range pool.Status.Conditions {
			if c.Status == metav1.ConditionTrue && strings.Contains(c.Message, "this machine uses "+m.server.Net.Address.String()) {
				return nil
			}
		}
		return fmt.Errorf("conditions %+v", pool.Status.Conditions)
	})
	m.must(m.kube.CoreV1().RESTClient().Delete().AbsPath(nodePools, "taken").Do(m.ctx).Error())
}

// createApp makes an app that runs in the pool only, and its Service.
func (m *machines) createApp(replicas int32) {
	m.Helper()
	labels := map[string]string{"app": "local"}
	pods := template(labels)
	pods.Spec.NodeSelector = map[string]string{"tier": "local"}
	pods.Spec.Tolerations = []v1.Toleration{{Key: "only", Operator: v1.TolerationOpExists}}
	pods.Spec.Containers[0].Resources.Requests = v1.ResourceList{v1.ResourceCPU: resource.MustParse("600m")}
	_, err := m.kube.AppsV1().Deployments(metav1.NamespaceDefault).Create(m.ctx, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "local"},
		Spec:       appsv1.DeploymentSpec{Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: pods},
	}, metav1.CreateOptions{})
	m.must(err)
	_, err = m.kube.CoreV1().Services(metav1.NamespaceDefault).Create(m.ctx, &v1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "local"},
		Spec:       v1.ServiceSpec{Selector: labels, Ports: []v1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(8080)}}},
	}, metav1.CreateOptions{})
	m.must(err)
}

func (m *machines) poolNodes() ([]v1.Node, error) {
	list, err := m.kube.CoreV1().Nodes().List(m.ctx, metav1.ListOptions{LabelSelector: v1alpha1.LabelNodePool + "=local"})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// ready are the names of the pool's nodes that are ready and run a pod of the app.
func (m *machines) ready() []string {
	m.Helper()
	list, err := m.poolNodes()
	m.must(err)
	pods := m.localPods()
	var names []string
	for _, n := range list {
		if _, runs := pods[n.Name]; runs && conditionOf(n, v1.NodeReady) == v1.ConditionTrue {
			names = append(names, n.Name)
		}
	}
	return names
}

func (m *machines) localPods() map[string]v1.Pod {
	m.Helper()
	pods, err := m.pods("local")
	m.must(err)
	return pods
}

func conditionOf(n v1.Node, kind v1.NodeConditionType) v1.ConditionStatus {
	for _, c := range n.Status.Conditions {
		if c.Type == kind {
			return c.Status
		}
	}
	return v1.ConditionUnknown
}

// localNodes waits for that many nodes that run a pod of the app.
func (m *machines) localNodes(count int) []string {
	m.Helper()
	began := time.Now()
	var names []string
	m.eventually(90*time.Second, fmt.Sprintf("%d local nodes run a pod", count), func() error {
		if names = m.ready(); len(names) != count {
			return fmt.Errorf("%v do", names)
		}
		return nil
	})
	m.Logf("%d local nodes run a pod after %.1f s", count, time.Since(began).Seconds())
	return names
}

// localNodesAreAsAsked compares the nodes with the pool's machine.
func (m *machines) localNodesAreAsAsked(names []string) {
	m.Helper()
	list, err := m.poolNodes()
	m.must(err)
	for _, n := range list {
		if !slices.Contains(names, n.Name) {
			continue
		}
		if want := "local://local/" + n.Name; n.Spec.ProviderID != want || n.Labels["tier"] != "local" {
			m.Errorf("%s: provider ID %s, want %s; labels %v", n.Name, n.Spec.ProviderID, want, n.Labels)
		}
		if !slices.ContainsFunc(n.Spec.Taints, func(t v1.Taint) bool { return t.Key == "only" && t.Value == "local" }) {
			m.Errorf("%s: taints %v", n.Name, n.Spec.Taints)
		}
		gives := n.Status.Allocatable
		if gives.Cpu().String() != "1" || gives.Memory().Cmp(resource.MustParse("1Gi")) != 0 {
			m.Errorf("%s gives pods %s cpu and %s memory, want 1 and 1Gi", n.Name, gives.Cpu(), gives.Memory())
		}
		if has := n.Status.Capacity.StorageEphemeral(); has.Cmp(resource.MustParse("768Mi")) < 0 || has.Cmp(resource.MustParse("832Mi")) > 0 {
			m.Errorf("%s has a disk of %s, want 768Mi", n.Name, has)
		}
		m.memoryOf(n.Name)
	}
	m.memoryIsBounded(names[0])
	m.eventually(10*time.Second, "the nodes' tokens are forgotten", func() error {
		tokens, err := m.kube.CoreV1().Secrets(metav1.NamespaceSystem).List(m.ctx, metav1.ListOptions{FieldSelector: "type=bootstrap.kubernetes.io/token"})
		if err == nil && (len(tokens.Items) > 0 || strings.Contains(m.settingsOf(names[0])+m.settingsOf(names[1]), "token")) {
			err = fmt.Errorf("%d are left, or in the settings", len(tokens.Items))
		}
		return err
	})
}

// memoryOf logs how much memory a node's agent and its containerd take for themselves,
// with their part of what they share, as of programs.
func (m *machines) memoryOf(node string) {
	m.Helper()
	found, err := m.server.Find(filepath.Join(m.server.Config.DataDir, "nodes", node) + "/")
	m.must(err)
	for _, p := range found {
		data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", p.PID))
		for line := range strings.Lines(string(data)) {
			if fields := strings.Fields(line); fields[0] == "Rss:" || fields[0] == "Pss:" {
				m.Logf("%s: %s %s %s kB", node, filepath.Base(strings.Fields(p.Command)[0]), fields[0], fields[1])
			}
		}
	}
}

// memoryIsBounded looks for the cgroup's limit of all pods of a node: 1 GiB, and what
// the kubelet begins to evict at.
func (m *machines) memoryIsBounded(node string) {
	m.Helper()
	c := config.Config{DataDir: filepath.Join(m.server.Config.DataDir, "nodes", node, "data")}
	for _, path := range []string{"/sys/fs/cgroup/memory" + c.CgroupRoot() + "/kubepods/memory.limit_in_bytes", "/sys/fs/cgroup" + c.CgroupRoot() + "/kubepods/memory.max"} {
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // the other version of cgroups
		}
		m.must(err)
		if got, want := strings.TrimSpace(string(data)), fmt.Sprint(1124<<20); got != want {
			m.Errorf("pods of %s get at most %s bytes, want %s", node, got, want)
		}
		return
	}
	m.Errorf("the cgroup of the pods of %s is not found", node)
}

func (m *machines) settingsOf(node string) string {
	m.Helper()
	data, err := os.ReadFile(filepath.Join(m.server.Config.DataDir, "nodes", node, "agent.yaml"))
	m.must(err)
	return string(data)
}

func (m *machines) agentProcesses(node string) []cluster.Process {
	m.Helper()
	found, err := m.server.Find("agent --data-dir " + filepath.Join(m.server.Config.DataDir, "nodes", node, "data"))
	m.must(err)
	return found
}

func (m *machines) agentsOf(nodes []string) (pids []int) {
	m.Helper()
	for _, node := range nodes {
		for _, p := range m.agentProcesses(node) {
			pids = append(pids, p.PID)
		}
	}
	return pids
}

// serves asks the Service from each pod and from the API server until both answer.
func (m *machines) serves() {
	m.Helper()
	service, err := m.kube.CoreV1().Services(metav1.NamespaceDefault).Get(m.ctx, "local", metav1.GetOptions{})
	m.must(err)
	for node, pod := range m.localPods() {
		m.eventually(20*time.Second, node+" reaches both pods through the Service", func() error {
			seen := map[string]bool{}
			for range 16 {
				hostname, _, err := m.fetch(pod, service.Spec.ClusterIP)
				if err != nil {
					return err
				}
				seen[hostname] = true
			}
			if len(seen) != 2 {
				return fmt.Errorf("only %v answer", seen)
			}
			return nil
		})
	}
}

// killAgent takes a machine's power.
func (m *machines) killAgent(node string) {
	m.Helper()
	found := m.agentProcesses(node)
	if len(found) != 1 {
		m.Fatalf("the agents of %s are %v", node, found)
	}
	m.must(unix.Kill(found[0].PID, unix.SIGKILL))
}

// fillDisk lets a pod fill its node's disk, and looks whose kubelet complains.
func (m *machines) fillDisk() {
	m.Helper()
	var node string
	var pod v1.Pod
	for node, pod = range m.localPods() {
		break
	}
	chunk := bytes.Repeat([]byte("x"), 16<<20)
	m.eventually(90*time.Second, "the disk of "+node+" is full", func() error {
		err := m.kube.CoreV1().RESTClient().Post().Namespace(pod.Namespace).Resource("pods").Name(pod.Name+":8080").SubResource("proxy").
			Suffix("/file").Param("path", "/fill").Body(chunk).Timeout(30 * time.Second).Do(m.ctx).Error()
		var disk unix.Statfs_t
		if err := unix.Statfs(filepath.Join(m.server.Config.DataDir, "nodes", node, "data"), &disk); err != nil {
			return err
		}
		if disk.Bavail*10 >= disk.Blocks { // where the kubelet begins to evict
			return fmt.Errorf("%d of %d blocks are free; the pod says %w", disk.Bavail, disk.Blocks, err)
		}
		return nil
	})
	m.eventually(60*time.Second, "the disk of "+node+" is under pressure", func() error {
		list, err := m.poolNodes()
		if err != nil {
			return err
		}
		found := false
		for _, n := range list {
			switch pressed := conditionOf(n, v1.NodeDiskPressure) == v1.ConditionTrue; {
			case pressed && n.Name != node:
				m.Fatalf("the disk of %s is under pressure, not that of %s", n.Name, node)
			case pressed:
				found = true
			}
		}
		if !found {
			return errors.New("none is")
		}
		return nil
	})
	server, err := m.kube.CoreV1().Nodes().Get(m.ctx, "server", metav1.GetOptions{})
	m.must(err)
	if conditionOf(*server, v1.NodeDiskPressure) != v1.ConditionFalse {
		m.Error("the server's node is under disk pressure")
	}
}

// nothingLeftOf looks for what a node had on this machine, with means of its own.
func (m *machines) nothingLeftOf(node string) {
	m.Helper()
	dir := filepath.Join(m.server.Config.DataDir, "nodes", node)
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		m.Errorf("%s is left: %v", dir, err)
	}
	spaces, _ := filepath.Glob("/run/netns/bh-*-" + node)
	if len(spaces) > 0 {
		m.Errorf("namespaces %v are left", spaces)
	}
	for _, file := range []string{"/proc/self/mountinfo", "/proc/self/mounts"} {
		data, err := os.ReadFile(file)
		m.must(err)
		if strings.Contains(string(data), dir) {
			m.Errorf("something of %s is mounted", dir)
		}
	}
	backing, _ := filepath.Glob("/sys/block/loop*/loop/backing_file")
	for _, path := range backing {
		if data, err := os.ReadFile(path); err == nil && strings.Contains(string(data), dir) {
			m.Errorf("%s is %s", path, data)
		}
	}
	if left := m.agentProcesses(node); len(left) > 0 {
		m.Errorf("processes %v are left", left)
	}
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
