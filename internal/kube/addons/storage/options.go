package storage

import (
	"errors"
	"fmt"
	"path/filepath"

	"k8s.io/client-go/rest"
)

// Options configure the provisioner.
type Options struct {
	// RestConfig reaches the API server. Required.
	RestConfig *rest.Config
	// NodeName is the node whose volumes are made here. Default: those of all
	// nodes, as simulated ones have no provisioners of their own.
	NodeName string
	// AppliedElsewhere leaves the StorageClass to the cluster's server.
	AppliedElsewhere bool
	// Root is the directory under which volumes lie; it is made when the first
	// is. Required, absolute: <DataDir>/storage.
	Root string
}

func (o Options) complete() (Options, error) {
	switch {
	case o.RestConfig == nil:
		return o, errors.New("local storage: Options.RestConfig is not set")
	case !filepath.IsAbs(o.Root):
		return o, fmt.Errorf("local storage: Options.Root %q: want an absolute path", o.Root)
	}
	o.Root = filepath.Clean(o.Root)
	o.RestConfig = rest.CopyConfig(o.RestConfig)
	o.RestConfig.ContentType = "application/vnd.kubernetes.protobuf"
	o.RestConfig.QPS = -1 // the API server's own fairness is the limit
	o.RestConfig.UserAgent = "bulkhead-local-storage"
	return o, nil
}
