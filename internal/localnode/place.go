package localnode

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime/process"
)

// Namespaces is where iproute2 keeps network namespaces by name.
const Namespaces = "/run/netns"

// folder is where the nodes lie in a server's data directory.
const folder = "nodes"

// Place says where everything of one node is.
type Place struct {
	// Server is the data directory of the server, Name the node's.
	Server, Name string
}

// Dir is the node's folder, with all its files.
func (p Place) Dir() string { return filepath.Join(p.Server, folder, p.Name) }

// DataDir is the agent's data directory, which the disk is mounted on.
func (p Place) DataDir() string { return filepath.Join(p.Dir(), "data") }

// Disk is the image of the node's disk.
func (p Place) Disk() string { return filepath.Join(p.Dir(), "disk.img") }

// Settings is the agent's file of settings, and Log what the agent says.
func (p Place) Settings() string { return filepath.Join(p.Dir(), "agent.yaml") }

// Log is beside the disk and not on it: it is read when the disk is full.
func (p Place) Log() string { return filepath.Join(p.Dir(), "agent.log") }

// record is the file with the Record.
func (p Place) record() string { return filepath.Join(p.Dir(), "node.json") }

// Namespace is the network namespace, as `ip netns` shows it.
func (p Place) Namespace() string { return prefixOf(p.Server) + p.Name }

// NamespaceFile is that namespace's file.
func (p Place) NamespaceFile() string { return filepath.Join(Namespaces, p.Namespace()) }

// Link is the server's end of the node's cable. Linux gives an interface's name 15
// bytes.
func (p Place) Link() string { return "bhn" + sum(p.Server+"\x00"+p.Name) }

// CgroupRoot is the cgroup of the node's pods.
func (p Place) CgroupRoot() string { return (&config.Config{DataDir: p.DataDir()}).CgroupRoot() }

// Owner finds the agent's own process.
func (p Place) Owner() process.Owner { return process.Owner{Agent: p.DataDir()} }

// prefixOf is what the names of the namespaces of one server begin with: two
// clusters on one machine may have pools of the same name.
func prefixOf(server string) string { return "bh-" + sum(server) + "-" }

func sum(text string) string {
	digest := sha256.Sum256([]byte(text))
	return hex.EncodeToString(digest[:4])
}

// Find returns the nodes of a server, also what is left of some: those that have a
// folder, and those that have a network namespace.
func Find(server string) ([]Place, error) {
	found := map[string]bool{}
	entries, err := os.ReadDir(filepath.Join(server, folder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list local nodes: %w", err)
	}
	for _, entry := range entries {
		if entry.IsDir() {
			found[entry.Name()] = true
		}
	}
	spaces, err := os.ReadDir(Namespaces)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list network namespaces: %w", err)
	}
	for _, space := range spaces {
		if name, ours := strings.CutPrefix(space.Name(), prefixOf(server)); ours {
			found[name] = true
		}
	}
	var places []Place
	for name := range found {
		places = append(places, Place{server, name})
	}
	slices.SortFunc(places, func(a, b Place) int { return strings.Compare(a.Name, b.Name) })
	return places, nil
}
