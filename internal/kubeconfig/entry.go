package kubeconfig

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"
)

// Entry is one cluster with the user and the context that lead to it; all three
// have the same name in a kubeconfig.
type Entry struct {
	Name   string
	Server string
	// CertificateAuthorityData is base64, as in the file.
	CertificateAuthorityData string
	// Either the data, in base64, or the files are set. Files are read anew by
	// clients when they are renewed.
	ClientCertificateData, ClientKeyData string
	ClientCertificate, ClientKey         string
	// Owner is the data directory of the cluster.
	Owner string
}

// document has the fields of a kubeconfig that Read needs.
type document struct {
	CurrentContext string `json:"current-context"`
	Contexts       []struct {
		Name    string `json:"name"`
		Context struct {
			Cluster string `json:"cluster"`
			User    string `json:"user"`
		} `json:"context"`
	} `json:"contexts"`
	Clusters []struct {
		Name    string `json:"name"`
		Cluster struct {
			Server                   string `json:"server"`
			CertificateAuthorityData string `json:"certificate-authority-data"`
		} `json:"cluster"`
	} `json:"clusters"`
	Users []struct {
		Name string `json:"name"`
		User struct {
			ClientCertificateData string `json:"client-certificate-data"`
			ClientKeyData         string `json:"client-key-data"`
		} `json:"user"`
	} `json:"users"`
}

// Read returns the current context of the kubeconfig at path, as the daemon
// writes it.
func Read(path string) (Entry, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Entry{}, fmt.Errorf("read the administrator's kubeconfig: %w", err)
	}
	var doc document
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return Entry{}, fmt.Errorf("kubeconfig %s: %w", path, err)
	}
	var entry Entry
	for _, context := range doc.Contexts {
		if context.Name != doc.CurrentContext {
			continue
		}
		for _, cluster := range doc.Clusters {
			if cluster.Name == context.Context.Cluster {
				entry.Server = cluster.Cluster.Server
				entry.CertificateAuthorityData = cluster.Cluster.CertificateAuthorityData
			}
		}
		for _, user := range doc.Users {
			if user.Name == context.Context.User {
				entry.ClientCertificateData = user.User.ClientCertificateData
				entry.ClientKeyData = user.User.ClientKeyData
			}
		}
	}
	if entry.Server == "" {
		return Entry{}, fmt.Errorf("kubeconfig %s: its current context %q leads to no server", path, doc.CurrentContext)
	}
	return entry, nil
}

// ErrNoHome indicates that no place for a kubeconfig is known.
var ErrNoHome = errors.New("no kubeconfig: neither $KUBECONFIG nor a home directory is set")

// Paths returns the files that kubectl reads for this user: those of
// $KUBECONFIG, whose value is env, or ~/.kube/config.
func Paths(env string) ([]string, error) {
	var paths []string
	for _, path := range filepath.SplitList(env) {
		if path != "" {
			paths = append(paths, path)
		}
	}
	if len(paths) > 0 {
		return paths, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return nil, ErrNoHome
	}
	return []string{filepath.Join(home, ".kube", "config")}, nil
}

// Target is the one of paths that a new entry goes to, as kubectl chooses it:
// the first that exists, else the last.
func Target(paths []string) string {
	for _, path := range paths {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return paths[len(paths)-1]
}
