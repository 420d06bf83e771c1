package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
)

// maxDataDir keeps the sockets below DataDir within the 108 bytes that Linux
// gives a socket's path (unix(7)).
const maxDataDir = 60

// minJournal is the least that a journal works well with: a few of its segments.
const minJournal = 64 << 20

// Validate returns everything that is wrong with completed settings, each with
// the setting's name and what it should be.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	if len(c.DataDir) > maxDataDir {
		bad("--data-dir %q: at most %d bytes, since Linux limits a socket's path to 108", c.DataDir, maxDataDir)
	}
	if problems := validation.IsDNS1123Subdomain(c.NodeName); len(problems) > 0 {
		bad("--node-name %q: %s", c.NodeName, strings.Join(problems, "; "))
	}
	if net.ParseIP(c.NodeIP) == nil {
		bad("--node-ip %q: want an IP address", c.NodeIP)
	}
	if c.Snapshotter != "overlayfs" && c.Snapshotter != "native" {
		bad("--snapshotter %q: want overlayfs or native", c.Snapshotter)
	}
	if c.Agent {
		if err := c.validateServer(); err != nil {
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	}
	if c.BindAddress != "" && net.ParseIP(c.BindAddress) == nil {
		bad("--bind-address %q: want an IP address", c.BindAddress)
	}
	if c.HTTPSListenPort < 1 || c.HTTPSListenPort > 65535 {
		bad("--https-listen-port %d: want 1 to 65535", c.HTTPSListenPort)
	}
	if mode, err := strconv.ParseUint(c.WriteKubeconfigMode, 8, 32); err != nil || mode > 0o777 {
		bad("--write-kubeconfig-mode %q: want an octal file mode such as 0600", c.WriteKubeconfigMode)
	}
	pods, err := netip.ParsePrefix(c.ClusterCIDR)
	if err != nil {
		bad("--cluster-cidr %q: want a range such as 10.42.0.0/16", c.ClusterCIDR)
	}
	services, err := netip.ParsePrefix(c.ServiceCIDR)
	if err != nil {
		bad("--service-cidr %q: want a range such as 10.43.0.0/16", c.ServiceCIDR)
	}
	if pods.IsValid() && services.IsValid() && pods.Overlaps(services) {
		bad("--cluster-cidr %s and --service-cidr %s overlap; pods and Services need ranges of their own", pods, services)
	}
	if dns, err := netip.ParseAddr(c.ClusterDNS); err != nil || services.IsValid() && !services.Contains(dns) {
		bad("--cluster-dns %q: want an address inside --service-cidr %s", c.ClusterDNS, c.ServiceCIDR)
	}
	if networks := []string{PodNetworkVXLAN, PodNetworkHostGW, PodNetworkNone}; !slices.Contains(networks, c.PodNetwork) {
		bad("--pod-network %q: want one of %s", c.PodNetwork, strings.Join(networks, ", "))
	}
	if c.Simulate && c.SimulatedNodes < 0 {
		bad("--simulated-nodes %d: want 0 or more", c.SimulatedNodes)
	}
	known := []string{ComponentDNS, ComponentMetricsServer, ComponentLocalStorage, ComponentLoadBalancer, ComponentDiagnosis, ComponentContainment, ComponentNodePools}
	for _, name := range c.Disable {
		if !slices.Contains(known, name) {
			bad("--disable %q: want one of %s", name, strings.Join(known, ", "))
		}
	}
	if q, err := resource.ParseQuantity(c.JournalMaxSize); err != nil || q.Value() < minJournal {
		bad("--journal-max-size %q: want a quantity of at least 64Mi, such as 2Gi", c.JournalMaxSize)
	}
	if c.JournalMaxAge < time.Hour {
		bad("--journal-max-age %s: want at least 1h", c.JournalMaxAge)
	}
	for _, hook := range c.IncidentWebhooks {
		if u, err := url.Parse(hook); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			bad("--incident-webhook %q: want a URL such as https://alerts.example.com/hook", hook)
		}
	}
	return errors.Join(errs...)
}

// validateServer checks an agent's --server, which it may leave out once it has
// joined.
func (c *Config) validateServer() error {
	if c.Server == "" {
		return nil
	}
	u, err := url.Parse(c.Server)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" {
		return fmt.Errorf("--server %q: want https://ADDRESS or https://ADDRESS:PORT", c.Server)
	}
	return nil
}
