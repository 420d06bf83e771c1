package main

import (
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/bulkhead-k8s/bulkhead/internal/kube/pki"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime/layout"
)

// commandLine is one component's program and arguments.
type commandLine struct {
	program string
	args    []string
}

// commandLines start the components with the security that Bulkhead has by
// default: client certificates, Node and RBAC, encrypted Secrets, an audit log.
// etcd is on a unix socket like Bulkhead's; TLS between the two would only add
// to upstream's figures.
func (u *upstreamSide) commandLines(g *ground) []commandLine {
	in := func(elements ...string) string { return filepath.Join(append([]string{g.dir}, elements...)...) }
	cert := func(identity string) string { return in("pki", identity+".pem") }
	etcd := "unix://" + in("etcd.sock")
	return []commandLine{
		{"etcd", []string{
			"--name=bench", "--data-dir=" + in("etcd"), "--listen-client-urls=" + etcd, "--advertise-client-urls=" + etcd,
			"--listen-peer-urls=http://127.0.0.1:2380", "--initial-advertise-peer-urls=http://127.0.0.1:2380",
			"--initial-cluster=bench=http://127.0.0.1:2380", "--watch-progress-notify-interval=5s", "--log-level=warn",
		}},
		{"containerd", []string{"--config", in("containerd.toml")}},
		{"kube-apiserver", []string{
			"--etcd-servers=" + etcd, "--advertise-address=" + nodeIP, "--secure-port=6443",
			"--service-cluster-ip-range=" + serviceCIDR, "--allow-privileged=true",
			"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
			"--client-ca-file=" + in("pki", "client-ca.crt"),
			"--tls-cert-file=" + cert(pki.APIServer), "--tls-private-key-file=" + cert(pki.APIServer),
			"--kubelet-certificate-authority=" + in("pki", "server-ca.crt"), "--kubelet-preferred-address-types=InternalIP",
			"--kubelet-client-certificate=" + cert(pki.APIServerKubelet), "--kubelet-client-key=" + cert(pki.APIServerKubelet),
			"--requestheader-client-ca-file=" + in("pki", "front-proxy-ca.crt"), "--requestheader-allowed-names=front-proxy-client",
			"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group", "--requestheader-extra-headers-prefix=X-Remote-Extra-",
			"--proxy-client-cert-file=" + cert(pki.FrontProxy), "--proxy-client-key-file=" + cert(pki.FrontProxy), "--enable-aggregator-routing=true",
			"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
			"--service-account-key-file=" + in("pki", "service-account.key"), "--service-account-signing-key-file=" + in("pki", "service-account.key"),
			"--encryption-provider-config=" + in("encryption.yaml"),
			"--audit-policy-file=" + in("audit-policy.yaml"), "--audit-log-path=" + in("audit.log"), "--audit-log-mode=batch",
		}},
		{"kube-controller-manager", []string{
			"--kubeconfig=" + kubeconfigOf(g, pki.ControllerManager), "--leader-elect=false", "--bind-address=127.0.0.1",
			"--authentication-kubeconfig=" + kubeconfigOf(g, pki.ControllerManager), "--authorization-kubeconfig=" + kubeconfigOf(g, pki.ControllerManager),
			"--authentication-skip-lookup=true", "--client-ca-file=" + in("pki", "client-ca.crt"),
			"--tls-cert-file=" + cert(pki.LoopbackServing), "--tls-private-key-file=" + cert(pki.LoopbackServing),
			"--allocate-node-cidrs=true", "--cluster-cidr=" + clusterCIDR, "--service-cluster-ip-range=" + serviceCIDR,
			"--use-service-account-credentials=true", "--root-ca-file=" + in("pki", "server-ca.crt"),
			"--service-account-private-key-file=" + in("pki", "service-account.key"),
			"--cluster-signing-cert-file=" + in("pki", "client-ca.pem"), "--cluster-signing-key-file=" + in("pki", "client-ca.pem"),
		}},
		{"kube-scheduler", []string{
			"--kubeconfig=" + kubeconfigOf(g, pki.Scheduler), "--leader-elect=false", "--bind-address=127.0.0.1",
			"--authentication-kubeconfig=" + kubeconfigOf(g, pki.Scheduler), "--authorization-kubeconfig=" + kubeconfigOf(g, pki.Scheduler),
			"--authentication-skip-lookup=true", "--client-ca-file=" + in("pki", "client-ca.crt"),
			"--tls-cert-file=" + cert(pki.LoopbackServing), "--tls-private-key-file=" + cert(pki.LoopbackServing),
		}},
		{"kubelet", []string{
			"--config=" + in("kubelet.yaml"), "--kubeconfig=" + kubeconfigOf(g, pki.Kubelet), "--hostname-override=" + nodeName,
			"--node-ip=" + nodeIP, "--root-dir=" + in("kubelet"), "--cert-dir=" + in("kubelet", "pki"),
		}},
		{"kube-proxy", []string{"--config=" + in("kube-proxy.yaml"), "--hostname-override=" + nodeName}},
		{"coredns", []string{"-conf", in("Corefile")}},
	}
}

func kubeconfigOf(g *ground, identity string) string {
	return filepath.Join(g.dir, "kubeconfigs", identity+".yaml")
}

// writeSettings writes the files that the command lines name.
func (u *upstreamSide) writeSettings(g *ground, store *pki.Store) error {
	for _, identity := range []string{pki.ControllerManager, pki.Scheduler, pki.Kubelet, pki.Proxy, pki.Admin, pki.Bulkhead} {
		if err := writeKubeconfig(kubeconfigOf(g, identity), store, identity); err != nil {
			return err
		}
	}
	files := map[string]string{
		"containerd.toml":         fmt.Sprintf(containerdTOML, g.dir, layout.For(g.dir).ShimSockets, pauseImage, u.host),
		"cni/10-bridge.conflist":  fmt.Sprintf(cniConfig, g.dir),
		"kubelet.yaml":            fmt.Sprintf(kubeletYAML, g.dir, nodeIP, clusterDNS, g.podsCgroup()),
		"kube-proxy.yaml":         fmt.Sprintf(proxyYAML, kubeconfigOf(g, pki.Proxy), nodeIP, clusterCIDR),
		"audit-policy.yaml":       auditYAML,
		"encryption.yaml":         encryptionYAML,
		"Corefile":                fmt.Sprintf(corefile, nodeIP, kubeconfigOf(g, pki.Bulkhead)),
		"kubelet/pki/placeholder": "",
	}
	for name, content := range files {
		path := filepath.Join(g.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func writeKubeconfig(path string, store *pki.Store, identity string) error {
	c := clientcmdapi.NewConfig()
	c.Clusters["bench"] = &clientcmdapi.Cluster{Server: "https://127.0.0.1:6443", CertificateAuthority: store.ServerCA.CertFile}
	c.AuthInfos["bench"] = &clientcmdapi.AuthInfo{ClientCertificate: store.File(identity), ClientKey: store.File(identity)}
	c.Contexts["bench"] = &clientcmdapi.Context{Cluster: "bench", AuthInfo: "bench"}
	c.CurrentContext = "bench"
	return clientcmd.WriteToFile(*c, path)
}
