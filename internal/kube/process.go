package kube

import (
	"fmt"

	utilcompatibility "k8s.io/apiserver/pkg/util/compatibility"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	restclient "k8s.io/client-go/rest"
	basecompatibility "k8s.io/component-base/compatibility"
	"k8s.io/component-base/featuregate"
	"k8s.io/component-base/logs"
	logsapi "k8s.io/component-base/logs/api/v1"
	metricsfeatures "k8s.io/component-base/metrics/features"
)

// Components are all parts of Kubernetes in this process. Nil are those of a node
// in a simulated cluster, and those of a server on an agent.
type Components struct {
	APIServer         *APIServer
	ControllerManager *ControllerManager
	Scheduler         *Scheduler
	Kubelet           *Kubelet
	Proxy             *Proxy
}

// New prepares every component and what they share in this process: logging,
// feature gates, versions. It may be called once in a process, since upstream
// keeps these in globals.
func New(o *Options) (*Components, error) {
	// Upstream's components each initialise logging; only the first may.
	logsapi.ReapplyHandling = logsapi.ReapplyHandlingIgnoreUnchanged
	logging := logs.NewOptions()
	logging.Verbosity = logsapi.VerbosityLevel(o.Config.Verbosity)
	if err := logsapi.ValidateAndApply(logging, utilfeature.DefaultFeatureGate); err != nil {
		return nil, fmt.Errorf("set up logging: %w", err)
	}
	// Clients of this process watch APIs of every version, also deprecated
	// ones, on an API server of the same version: warnings say nothing new.
	restclient.SetDefaultWarningHandler(restclient.NoWarnings{})

	c := &Components{}
	if o.Member == nil {
		if err := c.addControlPlane(o); err != nil {
			return nil, err
		}
	}
	if !o.Config.Simulate {
		if err := c.addNode(o); err != nil {
			return nil, err
		}
	}

	// Every flag has been read: fix feature gates and versions for all.
	registry := utilcompatibility.DefaultComponentGlobalsRegistry
	if err := registry.Set(); err != nil {
		return nil, fmt.Errorf("set feature gates: %w", err)
	}
	if gate, ok := registry.FeatureGateFor(basecompatibility.DefaultKubeComponent).(featuregate.MutableFeatureGate); ok {
		gate.AddMetrics()
	}
	registry.AddMetrics()
	metricsfeatures.ApplyFeatureGates(utilfeature.DefaultFeatureGate)
	return c, nil
}

func (c *Components) addControlPlane(o *Options) error {
	err := o.writeComponentKubeconfigs()
	if err != nil {
		return err
	}
	if c.APIServer, err = NewAPIServer(o); err != nil {
		return err
	}
	if err := c.APIServer.clients.Register(); err != nil {
		return err
	}
	if c.ControllerManager, err = NewControllerManager(o); err != nil {
		return err
	}
	c.Scheduler, err = NewScheduler(o)
	return err
}

func (c *Components) addNode(o *Options) error {
	var err error
	if c.Kubelet, err = NewKubelet(o); err != nil {
		return err
	}
	if c.ControllerManager != nil {
		c.Kubelet.volumesAfter = c.ControllerManager.built
	}
	c.Proxy, err = NewProxy(o)
	return err
}
