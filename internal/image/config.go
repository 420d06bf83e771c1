package image

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// defaultPath is the PATH of an image whose Env sets none; without it runtimes
// would not find a command that is given by its name.
const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Config says how a container of the image starts. The zero value is usable:
// root, no command, Linux on this machine's architecture.
type Config struct {
	Entrypoint []string
	Cmd        []string
	// Env holds NAME=value pairs. PATH is added if it is not among them.
	Env []string
	// User is a user name or id, with an optional :group. Empty means root.
	User       string
	WorkingDir string
	// ExposedPorts are written 80 or 80/tcp; they are documentation only.
	ExposedPorts []string
	Labels       map[string]string
	// StopSignal is what asks the process to end; empty means SIGTERM.
	StopSignal string
	// Architecture in Go's words; empty means that of this process.
	Architecture string
}

// Validate refuses what no runtime would understand.
func (c Config) Validate() error {
	for _, e := range c.Env {
		if name, _, ok := strings.Cut(e, "="); !ok || name == "" {
			return fmt.Errorf("environment %q: want NAME=value", e)
		}
	}
	for _, p := range c.ExposedPorts {
		if p == "" || strings.ContainsAny(p, " \t") {
			return fmt.Errorf("exposed port %q: want a number, with an optional /tcp or /udp", p)
		}
	}
	return nil
}

// build stacks layers, the lowest first, under this configuration.
func (c Config) build(layers ...v1.Layer) (v1.Image, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err := mutate.ConfigFile(img, c.file())
	if err != nil {
		return nil, fmt.Errorf("set the image's configuration: %w", err)
	}
	add := make([]mutate.Addendum, 0, len(layers))
	for _, l := range layers {
		add = append(add, mutate.Addendum{Layer: l, History: v1.History{
			Created:   v1.Time{Time: epoch},
			CreatedBy: "bulkhead",
		}})
	}
	if img, err = mutate.Append(img, add...); err != nil {
		return nil, fmt.Errorf("stack %d layers: %w", len(layers), err)
	}
	return img, nil
}

func (c Config) file() *v1.ConfigFile {
	arch := c.Architecture
	if arch == "" {
		arch = runtime.GOARCH
	}
	env := slices.Clone(c.Env)
	if !slices.ContainsFunc(env, func(e string) bool { return strings.HasPrefix(e, "PATH=") }) {
		env = append([]string{defaultPath}, env...)
	}
	var ports map[string]struct{}
	for _, p := range c.ExposedPorts {
		if !strings.Contains(p, "/") {
			p += "/tcp"
		}
		if ports == nil {
			ports = map[string]struct{}{}
		}
		ports[p] = struct{}{}
	}
	return &v1.ConfigFile{
		OS:           "linux",
		Architecture: arch,
		Created:      v1.Time{Time: epoch},
		RootFS:       v1.RootFS{Type: "layers"},
		Config: v1.Config{
			Entrypoint:   c.Entrypoint,
			Cmd:          c.Cmd,
			Env:          env,
			User:         c.User,
			WorkingDir:   c.WorkingDir,
			ExposedPorts: ports,
			Labels:       c.Labels,
			StopSignal:   c.StopSignal,
		},
	}
}

// epoch is the time of everything in an image: a real one would give each
// build its own digest.
var epoch = time.Unix(0, 0).UTC()
