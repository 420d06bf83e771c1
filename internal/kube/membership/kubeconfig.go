package membership

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// cluster is what everything in these kubeconfigs is called.
const cluster = "bulkhead"

func (p paths) kubeconfigFor(server string, user *clientcmdapi.AuthInfo) ([]byte, error) {
	c := clientcmdapi.NewConfig()
	c.Clusters[cluster] = &clientcmdapi.Cluster{Server: server, CertificateAuthority: p.serverCA}
	c.AuthInfos[cluster] = user
	c.Contexts[cluster] = &clientcmdapi.Context{Cluster: cluster, AuthInfo: cluster}
	c.CurrentContext = cluster
	data, err := clientcmd.Write(*c)
	if err != nil {
		return nil, fmt.Errorf("encode this node's kubeconfig: %w", err)
	}
	return data, nil
}

// writeKubeconfig writes that of this node: it names the certificate that the
// kubelet renews, and holds no secret.
func (p paths) writeKubeconfig(server string) error {
	data, err := p.kubeconfigFor(server, &clientcmdapi.AuthInfo{ClientCertificate: p.certificate, ClientKey: p.certificate})
	if err != nil {
		return err
	}
	return write(p.kubeconfig, data, 0o600)
}

// writeBootstrapKubeconfig writes one with the token and returns its path.
func (p paths) writeBootstrapKubeconfig(server, token string) (string, error) {
	data, err := p.kubeconfigFor(server, &clientcmdapi.AuthInfo{Token: token})
	if err != nil {
		return "", err
	}
	path := filepath.Join(filepath.Dir(p.kubeconfig), "bootstrap.yaml")
	return path, write(path, data, 0o600)
}

// Kubeconfig is the path of that of the machine of a data directory.
func Kubeconfig(dataDir string) string { return pathsOf(dataDir).kubeconfig }

// Server is the URL of the server that the machine of a data directory has joined.
func Server(dataDir string) (string, error) {
	p := pathsOf(dataDir)
	c, err := clientcmd.LoadFromFile(p.kubeconfig)
	if errors.Is(err, fs.ErrNotExist) {
		return "", errors.New("this machine has not joined a cluster: give --server and --token, as `bulkhead token create` prints them on the server")
	}
	if err != nil {
		return "", fmt.Errorf("read this node's kubeconfig: %w", err)
	}
	if known := c.Clusters[cluster]; known != nil {
		return known.Server, nil
	}
	return "", fmt.Errorf("%s names no server; give --server", p.kubeconfig)
}
