package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/membership"
	"github.com/bulkhead-k8s/bulkhead/internal/nodeops"
)

// access is how a command reaches the cluster: as the administrator where the
// server is, as the node on an agent, or as a kubeconfig says.
type access struct{ dataDir, kubeconfig string }

func (a *access) addFlags(cmd *cobra.Command) {
	c := config.Default()
	cmd.Flags().StringVarP(&a.dataDir, "data-dir", "d", c.DataDir, "folder that holds all state of this machine's cluster")
	cmd.Flags().StringVar(&a.kubeconfig, "kubeconfig", "", "access to the cluster (default: that of --data-dir)")
}

// onAgent says that this machine's cluster has its server elsewhere.
func (a *access) onAgent() bool { return (&config.Config{DataDir: a.dataDir}).HasJoined() }

func (a *access) rest() (*rest.Config, error) {
	path := a.kubeconfig
	if path == "" {
		path = filepath.Join(a.dataDir, "kubeconfig")
		if a.onAgent() {
			path = membership.Kubeconfig(a.dataDir)
		}
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no cluster in %s: start one with `bulkhead up`, or give --kubeconfig", a.dataDir)
	}
	c, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	c.QPS = -1 // the API server limits by itself
	return c, nil
}

// clientFor is a client that can drain a node, which on an agent is its own.
func (a *access) clientFor(node string) (kubernetes.Interface, error) {
	client, err := a.client()
	if err != nil || a.kubeconfig != "" || !a.onAgent() {
		return client, err
	}
	return nodeops.AsNode(client, node), nil
}

func (a *access) client() (kubernetes.Interface, error) {
	c, err := a.rest()
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(c)
}
