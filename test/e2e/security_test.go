package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/client-go/rest"
)

func TestSecretsAreEncryptedAtRest(t *testing.T) {
	requireOurs(t)
	s := newSpace(t)
	const plain = "nobody-may-read-this-on-disk"
	_, err := kube.CoreV1().Secrets(s.name).Create(s.ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "hidden"}, StringData: map[string]string{"k": plain}}, metav1.CreateOptions{})
	s.must(err)
	_, err = kube.CoreV1().ConfigMaps(s.name).Create(s.ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "open"}, Data: map[string]string{"k": plain}}, metav1.CreateOptions{})
	s.must(err)

	etcd, err := clientv3.New(clientv3.Config{Endpoints: []string{"unix://" + filepath.Join(ours.Config.DataDir, "run", "etcd-main.sock")}, DialTimeout: 5 * time.Second})
	s.must(err)
	defer etcd.Close()
	stored := func(kind, name string) []byte {
		got, err := etcd.Get(s.ctx, fmt.Sprintf("/registry/%s/%s/%s", kind, s.name, name))
		s.must(err)
		if len(got.Kvs) != 1 {
			t.Fatalf("etcd has %d values for %s %s", len(got.Kvs), kind, name)
		}
		return got.Kvs[0].Value
	}
	if value := stored("secrets", "hidden"); !bytes.HasPrefix(value, []byte("k8s:enc:secretbox:v1:")) || bytes.Contains(value, []byte(plain)) {
		t.Errorf("etcd holds the Secret as %.60q", value)
	}
	// The same way shows what is not encrypted: the test looks at the right place.
	if value := stored("configmaps", "open"); !bytes.Contains(value, []byte(plain)) {
		t.Errorf("etcd holds the ConfigMap as %.60q", value)
	}
}

func TestAuditLog(t *testing.T) {
	requireOurs(t)
	s := newSpace(t)
	_, err := kube.CoreV1().Secrets(s.name).Create(s.ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "noted"}, StringData: map[string]string{"k": "unwritten-content"}}, metav1.CreateOptions{})
	s.must(err)
	path := filepath.Join(ours.Config.DataDir, "log", "audit.log")
	var found *auditv1.Event
	s.eventually(40*time.Second, "the audit log has the request", func() error {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for line := range bytes.Lines(data) {
			var event auditv1.Event
			if json.Unmarshal(line, &event) == nil && event.ObjectRef != nil && event.ObjectRef.Namespace == s.name && event.ObjectRef.Name == "noted" && event.Verb == "create" {
				found = &event
				if bytes.Contains(line, []byte("unwritten-content")) {
					t.Error("the audit log holds the Secret's content")
				}
				return nil
			}
		}
		return fmt.Errorf("not among %d bytes", len(data))
	})
	if found.Level != auditv1.LevelMetadata || found.User.Username != "kubernetes-admin" || found.ResponseStatus == nil || found.ResponseStatus.Code != http.StatusCreated {
		t.Errorf("event: %+v", found)
	}
}

// status asks path of a server whose certificate the cluster's authority has
// signed, as config says who.
func status(ctx context.Context, config *rest.Config, url string) (int, error) {
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return 0, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}

func TestAnonymousSeesHealthAlone(t *testing.T) {
	s := newSpace(t)
	anonymous := rest.AnonymousClientConfig(access)
	for path, want := range map[string]int{
		// What upstream's system:public-info-viewer allows.
		"/healthz": 200, "/livez": 200, "/readyz": 200, "/livez/ping": 403, "/version": 200,
		"/": 403, "/api": 403, "/apis": 403, "/api/v1/namespaces": 403, "/api/v1/nodes": 403,
		"/openapi/v2": 403, "/openapi/v3": 403, "/metrics": 403, "/logs": 403, "/debug/pprof/": 403,
		"/.well-known/openid-configuration": 403, "/apis/metrics.k8s.io/v1beta1/nodes": 403,
	} {
		got, err := status(s.ctx, anonymous, access.Host+path)
		if err != nil || got != want {
			t.Errorf("GET %s anonymously gives %d, %v; want %d", path, got, err, want)
		}
	}
}

func TestKubeletRefuses(t *testing.T) {
	requireOurs(t)
	s := newSpace(t)
	node := s.nodeAddress()
	token, err := kube.CoreV1().ServiceAccounts(s.name).CreateToken(s.ctx, "default", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	s.must(err)
	anonymous := rest.AnonymousClientConfig(access)
	account := rest.CopyConfig(anonymous)
	account.BearerToken = token.Status.Token
	url := "https://" + net.JoinHostPort(node, "10250")
	for _, tc := range []struct {
		who    string
		config *rest.Config
		path   string
		want   int
	}{
		{"nobody", anonymous, "/pods", 401},
		{"nobody", anonymous, "/metrics", 401},
		{"nobody", anonymous, "/run/" + s.name + "/web/app", 401},
		{"a ServiceAccount", account, "/pods", 403},
		{"a ServiceAccount", account, "/metrics", 403},
		{"the administrator", access, "/pods", 200},
		{"the administrator", access, "/stats/summary", 200},
	} {
		got, err := status(s.ctx, tc.config, url+tc.path)
		if err != nil || got != tc.want {
			t.Errorf("as %s, the kubelet's %s gives %d, %v; want %d", tc.who, tc.path, got, err, tc.want)
		}
	}
	if conn, err := fromNode(s.ctx, "tcp", net.JoinHostPort(node, "10255")); err == nil {
		conn.Close()
		t.Error("the kubelet's read-only port is open")
	}
}

// ports are all that listen, and why; everything else is a finding. Those with
// loopback must not be reached from outside.
var ports = map[uint16]struct {
	what     string
	loopback bool
}{
	6443:  {"API server", false},
	10250: {"kubelet", false},
	10256: {"kube-proxy's health, for load balancers", false},
	53:    {"cluster DNS", false},
	9153:  {"cluster DNS's metrics", false},
	10248: {"kubelet's health", true},
	10249: {"kube-proxy's metrics", true},
	10257: {"controllers' metrics", true},
	10259: {"scheduler's metrics", true},
}

func TestListensOnlyWhereDocumented(t *testing.T) {
	requireOurs(t)
	s := newSpace(t)
	sockets, err := ours.Net.Listening()
	s.must(err)
	if len(sockets) == 0 {
		t.Fatal("nothing listens: the test looks at the wrong place")
	}
	node, dns := ours.Net.Address, netip.MustParseAddr(ours.Config.ClusterDNS)
	for _, socket := range sockets {
		addr := socket.Local.Addr()
		known, documented := ports[socket.Local.Port()]
		switch {
		case socket.Wildcard():
			t.Errorf("%s (%s) listens on all addresses", socket, known.what)
		case addr.IsLoopback():
		case !documented:
			t.Errorf("%s is not documented", socket)
		case known.loopback:
			t.Errorf("%s (%s) is to listen on loopback alone", socket, known.what)
		case addr != node && addr != dns:
			t.Errorf("%s (%s) listens on an address that is neither the node's nor the cluster DNS's", socket, known.what)
		}
	}
}

func TestFilesAreForTheirOwnerAlone(t *testing.T) {
	requireOurs(t)
	newSpace(t)
	root := ours.Config.DataDir
	looked := map[string]int{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			if os.IsNotExist(err) {
				return nil // pods come and go
			}
			return err
		}
		relative, _ := filepath.Rel(root, path)
		top, _, _ := strings.Cut(relative, string(filepath.Separator))
		switch top {
		// The folders of images' and pods' content, whose modes are theirs, lie
		// below folders that only their owner enters; links have no mode.
		case "containerd", "kubelet", "storage", "bin", "cni":
			if entry.IsDir() && relative != top {
				return filepath.SkipDir
			}
		}
		if strings.HasPrefix(relative, filepath.Join("run", "containerd")) || strings.HasPrefix(relative, filepath.Join("log", "pods")) {
			return nil
		}
		info, err := entry.Info()
		if err != nil || info.Mode()&fs.ModeSymlink != 0 {
			return nil
		}
		looked[top]++
		if strings.HasSuffix(path, ".crt") {
			return nil // certificates of authorities, which everybody may know
		}
		if info.Mode().Perm()&0o077 != 0 && !entry.IsDir() {
			t.Errorf("%s has mode %04o", relative, info.Mode().Perm())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(root)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the data directory has mode %v, %v; want 0700", info.Mode(), err)
	}
	for _, top := range []string{"pki", "etcd", "run", "kubeconfig", "kubeconfigs", "log"} {
		if looked[top] == 0 {
			t.Errorf("nothing was found in %s", top)
		}
	}
}
