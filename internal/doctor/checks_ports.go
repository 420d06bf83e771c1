package doctor

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
)

// port is a TCP port that the daemon listens on.
type port struct {
	number int
	// address is the one that it is bound to; empty for several.
	address string
	user    string
	setting string // what moves it
}

const loopback = "127.0.0.1"

// ports returns what a cluster with these settings listens on.
func ports(c *config.Config) []port {
	var list []port
	if !c.Agent {
		list = serverPorts(c)
	}
	if c.Simulate {
		return list
	}
	if c.Enabled(config.ComponentDNS) {
		list = append(list, port{53, c.ClusterDNS, "the cluster's DNS", "--disable dns"})
	}
	return append(list,
		port{argument(c.KubeletArgs, "port", 10250), c.NodeIP, "the kubelet", "--kubelet-arg port=N"},
		port{argument(c.KubeletArgs, "healthz-port", 10248), loopback, "the kubelet's health check", "--kubelet-arg healthz-port=N"},
		port{argument(c.KubeProxyArgs, "metrics-bind-address", 10249), loopback, "kube-proxy's metrics", "--kube-proxy-arg metrics-bind-address=127.0.0.1:N"},
		port{argument(c.KubeProxyArgs, "healthz-bind-address", 10256), c.NodeIP, "kube-proxy's health check", "--kube-proxy-arg healthz-bind-address=ADDRESS:N"},
	)
}

func serverPorts(c *config.Config) []port {
	return []port{
		{c.HTTPSListenPort, "", "the API server", "--https-listen-port"},
		{argument(c.KubeControllerManagerArgs, "secure-port", 10257), loopback, "the controller manager", "--kube-controller-manager-arg secure-port=N"},
		{argument(c.KubeSchedulerArgs, "secure-port", 10259), loopback, "the scheduler", "--kube-scheduler-arg secure-port=N"},
	}
}

// argument returns the port that a component's argument sets, alone or behind
// an address, or the one that it has by default.
func argument(args []string, name string, byDefault int) int {
	number := byDefault
	for _, arg := range args {
		key, value, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if key != name {
			continue
		}
		if _, behind, err := net.SplitHostPort(value); err == nil {
			value = behind
		}
		if n, err := strconv.Atoi(value); err == nil {
			number = n
		}
	}
	return number
}

func checkPorts(h *Host, c *config.Config) Result {
	var taken, remedies, free []string
	for _, port := range ports(c) {
		holder := h.holder(port)
		if holder == nil || holder.PID != 0 && holder.PID == h.Data.LockedBy {
			free = append(free, strconv.Itoa(port.number))
			continue
		}
		by := "another program"
		if holder.PID != 0 {
			by = fmt.Sprintf("%s (process %d)", holder.Command, holder.PID)
		}
		taken = append(taken, fmt.Sprintf("port %d, which %s needs, is in use by %s", port.number, port.user, by))
		remedies = append(remedies, port.setting)
	}
	if len(taken) > 0 {
		return fail("stop it, or use "+strings.Join(remedies, " and "), "%s", strings.Join(taken, "; "))
	}
	return ok("%s are free, or ours", strings.Join(free, ", "))
}

// holder returns who listens where the port is needed, or nil.
func (h *Host) holder(p port) *Listener {
	address, err := netip.ParseAddr(p.address)
	for i, listener := range h.Listeners {
		if int(listener.Addr.Port()) != p.number {
			continue
		}
		if at := listener.Addr.Addr(); err != nil || at.IsUnspecified() || at == address {
			return &h.Listeners[i]
		}
	}
	return nil
}
