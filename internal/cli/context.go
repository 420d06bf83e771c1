package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/kubeconfig"
)

var notForNames = regexp.MustCompile(`[^a-z0-9.-]+`)

// clusterName is what a cluster is called outside of itself, as the context in
// the user's kubeconfig and as the systemd unit: bulkhead, and for a data
// directory other than the usual one with that one's name.
func clusterName(c *config.Config) string {
	if c.DataDir == config.Default().DataDir {
		return "bulkhead"
	}
	base := strings.Trim(notForNames.ReplaceAllString(strings.ToLower(filepath.Base(c.DataDir)), "-"), "-.")
	if base == "" || base == "bulkhead" {
		return "bulkhead"
	}
	return "bulkhead-" + strings.TrimPrefix(base, "bulkhead-")
}

// mergeContext puts the cluster into the user's kubeconfig under name and
// returns the file.
func mergeContext(c *config.Config, name string) (string, error) {
	paths, err := kubeconfig.Paths(os.Getenv("KUBECONFIG"))
	if err != nil {
		return "", err
	}
	entry, err := kubeconfig.Read(c.WriteKubeconfig)
	if err != nil {
		return "", err
	}
	entry.Name, entry.Owner = name, c.DataDir
	// The daemon renews its files; a copy of what is in them would expire.
	if pair := filepath.Join(c.DataDir, "pki", "admin.pem"); readable(pair) {
		entry.ClientCertificate, entry.ClientKey = pair, pair
		entry.ClientCertificateData, entry.ClientKeyData = "", ""
	}
	path := kubeconfig.Target(paths)
	return path, kubeconfig.Merge(path, entry)
}

func readable(path string) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	file.Close()
	return true
}

// contexts returns the contexts that lead to the cluster, by file.
func contexts(c *config.Config) map[string][]string {
	found := map[string][]string{}
	paths, err := kubeconfig.Paths(os.Getenv("KUBECONFIG"))
	if err != nil {
		return found
	}
	for _, path := range paths {
		if names, err := kubeconfig.Find(path, c.DataDir); err == nil && len(names) > 0 {
			found[path] = names
		}
	}
	return found
}
