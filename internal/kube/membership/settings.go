package membership

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/pki"
)

const (
	// settingsName is the ConfigMap in kube-system with the cluster's settings,
	// settingsKey the key that they are under.
	settingsName = "bulkhead-cluster"
	settingsKey  = "settings.json"
)

// Settings are those of a cluster that its nodes share.
type Settings struct {
	ClusterCIDR   string   `json:"clusterCIDR"`
	ServiceCIDR   string   `json:"serviceCIDR"`
	ClusterDNS    string   `json:"clusterDNS"`
	ClusterDomain string   `json:"clusterDomain"`
	PodNetwork    string   `json:"podNetwork"`
	Disable       []string `json:"disable,omitempty"`
	// ClientCA signs who may ask a kubelet, in PEM.
	ClientCA string `json:"clientCA"`
}

// SettingsOf are those of a server.
func SettingsOf(c *config.Config, store *pki.Store) (Settings, error) {
	ca, err := os.ReadFile(store.ClientCA.CertFile)
	if err != nil {
		return Settings{}, fmt.Errorf("read the clients' certificate authority: %w", err)
	}
	return Settings{
		ClusterCIDR: c.ClusterCIDR, ServiceCIDR: c.ServiceCIDR, ClusterDNS: c.ClusterDNS, ClusterDomain: c.ClusterDomain,
		PodNetwork: c.PodNetwork, Disable: c.Disable, ClientCA: string(ca),
	}, nil
}

// Apply makes them an agent's.
func (s Settings) Apply(c *config.Config) {
	c.ClusterCIDR, c.ServiceCIDR, c.ClusterDNS, c.ClusterDomain = s.ClusterCIDR, s.ServiceCIDR, s.ClusterDNS, s.ClusterDomain
	c.PodNetwork, c.Disable = s.PodNetwork, s.Disable
}

func readSettings(ctx context.Context, client kubernetes.Interface) (Settings, error) {
	var s Settings
	stored, err := client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, settingsName, metav1.GetOptions{})
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal([]byte(stored.Data[settingsKey]), &s); err != nil {
		return s, fmt.Errorf("read ConfigMap kube-system/%s: %w", settingsName, err)
	}
	return s, nil
}
