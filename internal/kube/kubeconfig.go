package kube

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/bulkhead-k8s/bulkhead/internal/kube/inprocess"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/pki"
)

// apiServerHost is what clients in this process call the API server.
const apiServerHost = "kube-apiserver"

// RESTConfig returns a client's settings for one of pki's identities, in this
// process, or for the node's on an agent.
func (o *Options) RESTConfig(identity string) *rest.Config {
	access := &rest.Config{}
	withinProcess(access, identity)
	if o.Member != nil {
		access = o.Member.RESTConfig()
	}
	// Cheaper to encode and decode than JSON; what has no such form, such as
	// custom resources, falls back to it.
	access.ContentConfig = rest.ContentConfig{
		ContentType:        runtime.ContentTypeProtobuf,
		AcceptContentTypes: runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON,
	}
	// The API server limits by itself, and fairly (API Priority and Fairness).
	access.QPS = -1
	return access
}

// withinProcess makes access that of one of pki's identities in this process.
func withinProcess(access *rest.Config, identity string) {
	user := inprocess.User(identity)
	access.Host, access.Username = inprocess.Scheme+"://"+apiServerHost, user.Username()
	access.Password, _ = user.Password()
}

// KubeletTLS returns the settings for one of pki's identities to reach kubelets.
// The certificate is read from its file again when that changes.
func (o *Options) KubeletTLS(identity string) *rest.TLSClientConfig {
	return &rest.TLSClientConfig{CAFile: o.PKI.ServerCA.CertFile, CertFile: o.PKI.File(identity), KeyFile: o.PKI.File(identity)}
}

// writeComponentKubeconfigs writes a kubeconfig for each component that only
// takes a file. They are of no use outside this process. The identity is in the
// URL, for client-go reads users of https URLs alone.
func (o *Options) writeComponentKubeconfigs() error {
	for _, identity := range []string{pki.ControllerManager, pki.Scheduler, pki.Kubelet, pki.Proxy} {
		server := url.URL{Scheme: inprocess.Scheme, User: inprocess.User(identity), Host: apiServerHost}
		if err := writeKubeconfig(o.kubeconfigPath(identity), kubeconfig(server.String(), identity), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// WriteAdminKubeconfig writes the administrator's kubeconfig, complete in one
// file, so that it can be copied to another machine.
func (o *Options) WriteAdminKubeconfig(path string, mode os.FileMode) error {
	ca, err := os.ReadFile(o.PKI.ServerCA.CertFile)
	if err != nil {
		return fmt.Errorf("read the server's certificate authority: %w", err)
	}
	certificate, key, err := o.PKI.EncodeForKubeconfig(pki.Admin)
	if err != nil {
		return err
	}
	c := kubeconfig(fmt.Sprintf("https://%s:%d", o.Config.NodeIP, o.Config.HTTPSListenPort), "bulkhead")
	c.Clusters["bulkhead"].CertificateAuthorityData = ca
	c.AuthInfos["bulkhead"].ClientCertificateData = certificate
	c.AuthInfos["bulkhead"].ClientKeyData = key
	return writeKubeconfig(path, c, mode)
}

func kubeconfig(server, user string) *clientcmdapi.Config {
	c := clientcmdapi.NewConfig()
	c.Clusters["bulkhead"] = &clientcmdapi.Cluster{Server: server}
	c.AuthInfos[user] = &clientcmdapi.AuthInfo{}
	c.Contexts["bulkhead"] = &clientcmdapi.Context{Cluster: "bulkhead", AuthInfo: user}
	c.CurrentContext = "bulkhead"
	return c
}

func writeKubeconfig(path string, c *clientcmdapi.Config, mode os.FileMode) error {
	data, err := clientcmd.Write(*c)
	if err != nil {
		return fmt.Errorf("encode kubeconfig %s: %w", path, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make the kubeconfig's folder: %w", err)
	}
	if err := renameio.WriteFile(path, data, mode, renameio.WithPermissions(mode)); err != nil {
		return fmt.Errorf("write kubeconfig: %w", err)
	}
	return nil
}
