package kube

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
	"github.com/spf13/pflag"
	genericapiserver "k8s.io/apiserver/pkg/server"
	cliflag "k8s.io/component-base/cli/flag"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/membership"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/pki"
	"github.com/bulkhead-k8s/bulkhead/internal/stages"
)

// Options are what the components have in common.
type Options struct {
	Config *config.Config
	Stages *stages.Tracker
	// PKI has the cluster's authorities and this machine's identities; nil on an
	// agent, which has Member instead.
	PKI    *pki.Store
	Member *membership.Member
	// EtcdEndpoint and EtcdEventsEndpoint serve everything and Events.
	EtcdEndpoint, EtcdEventsEndpoint string
	// Extensions add APIs to the kube-apiserver that the aggregator delegates
	// to, before it starts to serve.
	Extensions []func(host *genericapiserver.GenericAPIServer) error
	// RuntimeEndpoint is the container runtime's CRI socket, for the kubelet.
	RuntimeEndpoint string
}

// Folders and files below the data directory.
func (o *Options) path(elements ...string) string {
	return filepath.Join(append([]string{o.Config.DataDir}, elements...)...)
}

// writeSettings replaces a file of settings for one of the components, as a
// whole, and returns its path.
func (o *Options) writeSettings(name string, data []byte) (string, error) {
	path := o.path("config", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("make the folder for settings: %w", err)
	}
	if err := renameio.WriteFile(path, data, 0o600); err != nil {
		return "", fmt.Errorf("write settings: %w", err)
	}
	return path, nil
}

// kubeconfigPath is the kubeconfig of one of pki's identities. An agent has one
// identity, its node's.
func (o *Options) kubeconfigPath(identity string) string {
	if o.Member != nil {
		identity = pki.Kubelet
	}
	return o.path("kubeconfigs", identity+".yaml")
}

// parseArgs applies "name=value" settings that an operator passes through to an
// upstream component, over that component's own flags.
func parseArgs(setting string, flags cliflag.NamedFlagSets, args []string) error {
	if len(args) == 0 {
		return nil
	}
	all := pflag.NewFlagSet(setting, pflag.ContinueOnError)
	all.SetNormalizeFunc(cliflag.WordSepNormalizeFunc)
	for _, set := range flags.FlagSets {
		all.AddFlagSet(set)
	}
	return parseFlagSet(setting, all, args)
}

func parseFlagSet(setting string, flags *pflag.FlagSet, args []string) error {
	for _, arg := range args {
		if err := flags.Parse([]string{"--" + strings.TrimLeft(arg, "-")}); err != nil {
			return fmt.Errorf("--%s %q: %w", setting, arg, err)
		}
	}
	return nil
}
