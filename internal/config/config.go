package config

import (
	"fmt"
	"hash/fnv"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Component names that --disable takes.
const (
	ComponentDNS           = "dns"
	ComponentMetricsServer = "metrics-server"
	ComponentLocalStorage  = "local-storage"
	ComponentLoadBalancer  = "load-balancer"
	ComponentDiagnosis     = "diagnosis"
	ComponentContainment   = "containment"
	ComponentNodePools     = "nodepools"
)

// DefaultFile is where the settings are read from when --config is not given;
// it may be missing.
const DefaultFile = "/etc/bulkhead/config.yaml"

// What --pod-network takes.
const (
	PodNetworkVXLAN  = "vxlan"
	PodNetworkHostGW = "host-gw"
	PodNetworkNone   = "none"
)

// Config is every setting of a server or an agent. Its zero value is not usable:
// start from Default.
type Config struct {
	// Agent runs pods for a cluster whose server is elsewhere. What concerns the
	// whole cluster is then the server's, and is filled in by joining.
	Agent bool
	// Server is the URL of an agent's server, Token what it may join with. Both
	// may be left out once the agent has joined.
	Server, Token string
	// DataDir holds all state: etcd, certificates, containers, sockets, logs.
	// Default /var/lib/bulkhead for root, else ~/.local/share/bulkhead.
	DataDir string
	// NodeName defaults to the host's name in lower case.
	NodeName string
	// NodeIP is the address that the node is known by. Default: the address of
	// the interface that carries the default route.
	NodeIP string
	// BindAddress is what the API server listens on beside loopback. Default:
	// NodeIP.
	BindAddress string
	// HTTPSListenPort is the API server's port. Default 6443.
	HTTPSListenPort int
	// TLSSANs are further names and addresses in the API server's certificate.
	TLSSANs []string
	// ClusterCIDR is the pods' range. Default 10.42.0.0/16.
	ClusterCIDR string
	// ServiceCIDR is the Services' range. Default 10.43.0.0/16.
	ServiceCIDR string
	// PodNetwork is how pods reach those of other nodes. Default vxlan.
	PodNetwork string
	// ServiceNodePortRange defaults to 30000-32767.
	ServiceNodePortRange string
	// ClusterDNS is the DNS Service's address. Default: the tenth of ServiceCIDR.
	ClusterDNS string
	// ClusterDomain defaults to cluster.local.
	ClusterDomain string
	// ResolvConf is where DNS finds upstream servers. Default /etc/resolv.conf.
	ResolvConf string
	// WriteKubeconfig is the administrator's kubeconfig. Default
	// <DataDir>/kubeconfig.
	WriteKubeconfig string
	// WriteKubeconfigMode is its file mode, octal. Default 0600.
	WriteKubeconfigMode string
	// Disable names components that are not to run.
	Disable []string
	// NodeLabels and NodeTaints are given to this node when it registers, as
	// key=value and key=value:effect.
	NodeLabels []string
	NodeTaints []string
	// Simulate runs the control plane alone, with nodes that exist in the API
	// only; needs neither root nor containers.
	Simulate bool
	// SimulatedNodes is how many nodes --simulate shows. Default 3.
	SimulatedNodes int
	// Snapshotter is containerd's. Default overlayfs.
	Snapshotter string
	// ImageDir may hold image archives, which are loaded before the node takes pods.
	// Default <DataDir>/images.
	ImageDir string
	// SecretsEncryption encrypts Secrets at rest. Default true.
	SecretsEncryption bool
	// JournalMaxSize bounds the journal on disk, as a quantity. Default 2Gi.
	JournalMaxSize string
	// JournalMaxAge is how long records are kept. Default 14 days.
	JournalMaxAge time.Duration
	// IncidentWebhooks are told of incidents, in Alertmanager's form.
	IncidentWebhooks []string
	// Verbosity is klog's level. Default 0.
	Verbosity int
	// The following pass flags to upstream's components as they are, for what
	// has no setting of its own: "--feature-gates=X=true".
	KubeAPIServerArgs         []string
	KubeControllerManagerArgs []string
	KubeSchedulerArgs         []string
	KubeletArgs               []string
	KubeProxyArgs             []string
}

// Default returns the settings of a server for which nothing was set.
func Default() *Config {
	return &Config{
		DataDir:              defaultDataDir(),
		HTTPSListenPort:      6443,
		ClusterCIDR:          "10.42.0.0/16",
		ServiceCIDR:          "10.43.0.0/16",
		PodNetwork:           PodNetworkVXLAN,
		ServiceNodePortRange: "30000-32767",
		ClusterDomain:        "cluster.local",
		ResolvConf:           "/etc/resolv.conf",
		WriteKubeconfigMode:  "0600",
		SimulatedNodes:       3,
		Snapshotter:          "overlayfs",
		SecretsEncryption:    true,
		JournalMaxSize:       "2Gi",
		JournalMaxAge:        14 * 24 * time.Hour,
	}
}

func defaultDataDir() string {
	if os.Geteuid() == 0 {
		return "/var/lib/bulkhead"
	}
	if home, err := os.UserHomeDir(); err == nil {
		return filepath.Join(home, ".local", "share", "bulkhead")
	}
	return filepath.Join(os.TempDir(), "bulkhead")
}

// AddDataDirFlag declares --data-dir alone, for commands that only have to find
// a running server.
func (c *Config) AddDataDirFlag(fs *pflag.FlagSet) {
	fs.StringVarP(&c.DataDir, "data-dir", "d", c.DataDir, "folder that holds all state of this machine's cluster")
}

// AddFlags declares every setting of a server on fs, with the present values as
// defaults.
func (c *Config) AddFlags(fs *pflag.FlagSet) {
	c.addNodeFlags(fs)
	fs.StringVar(&c.BindAddress, "bind-address", c.BindAddress, "address that the API server listens on (default: loopback and --node-ip)")
	fs.IntVar(&c.HTTPSListenPort, "https-listen-port", c.HTTPSListenPort, "port that the API server listens on")
	fs.StringSliceVar(&c.TLSSANs, "tls-san", c.TLSSANs, "further name or address in the API server's certificate (repeatable)")
	fs.StringVar(&c.ClusterCIDR, "cluster-cidr", c.ClusterCIDR, "range of the pods' addresses")
	fs.StringVar(&c.ServiceCIDR, "service-cidr", c.ServiceCIDR, "range of the Services' addresses")
	fs.StringVar(&c.PodNetwork, "pod-network", c.PodNetwork, "how pods reach those of other nodes: vxlan, host-gw (all nodes in one network segment) or none")
	fs.StringVar(&c.ServiceNodePortRange, "service-node-port-range", c.ServiceNodePortRange, "range of NodePorts")
	fs.StringVar(&c.ClusterDNS, "cluster-dns", c.ClusterDNS, "address of the cluster's DNS (default: the tenth of --service-cidr)")
	fs.StringVar(&c.ClusterDomain, "cluster-domain", c.ClusterDomain, "the cluster's DNS domain")
	fs.StringVar(&c.WriteKubeconfig, "write-kubeconfig", c.WriteKubeconfig, "where the administrator's kubeconfig is written (default: kubeconfig in --data-dir)")
	fs.StringVar(&c.WriteKubeconfigMode, "write-kubeconfig-mode", c.WriteKubeconfigMode, "mode of that file, octal")
	fs.StringSliceVar(&c.Disable, "disable", c.Disable, "component that is not to run: dns, metrics-server, local-storage, load-balancer, diagnosis, containment, nodepools (repeatable)")
	fs.BoolVar(&c.Simulate, "simulate", c.Simulate, "run the control plane with simulated nodes: no root, no containers")
	fs.IntVar(&c.SimulatedNodes, "simulated-nodes", c.SimulatedNodes, "how many nodes --simulate shows")
	fs.BoolVar(&c.SecretsEncryption, "secrets-encryption", c.SecretsEncryption, "encrypt Secrets at rest")
	fs.StringVar(&c.JournalMaxSize, "journal-max-size", c.JournalMaxSize, "most disk space for the journal of what happened, as 500Mi")
	fs.DurationVar(&c.JournalMaxAge, "journal-max-age", c.JournalMaxAge, "how long the journal keeps what happened")
	fs.StringArrayVar(&c.IncidentWebhooks, "incident-webhook", c.IncidentWebhooks, "URL that is told of incidents, as Alertmanager would (repeatable)")
	fs.StringArrayVar(&c.KubeAPIServerArgs, "kube-apiserver-arg", nil, "flag for kube-apiserver, as name=value (repeatable)")
	fs.StringArrayVar(&c.KubeControllerManagerArgs, "kube-controller-manager-arg", nil, "flag for kube-controller-manager, as name=value (repeatable)")
	fs.StringArrayVar(&c.KubeSchedulerArgs, "kube-scheduler-arg", nil, "flag for kube-scheduler, as name=value (repeatable)")
}

// AddAgentFlags declares every setting of an agent on fs.
func (c *Config) AddAgentFlags(fs *pflag.FlagSet) {
	c.addNodeFlags(fs)
	c.AddJoinFlags(fs)
}

// AddJoinFlags declares what an agent has and a server has not.
func (c *Config) AddJoinFlags(fs *pflag.FlagSet) {
	fs.StringVar(&c.Server, "server", c.Server, "URL of the server, https://ADDRESS[:PORT] (default: the one that was joined)")
	fs.StringVar(&c.Token, "token", c.Token, "what `bulkhead token create` printed on the server; needed to join only")
}

// addNodeFlags declares what every machine that runs pods has.
func (c *Config) addNodeFlags(fs *pflag.FlagSet) {
	c.AddDataDirFlag(fs)
	fs.StringVar(&c.NodeName, "node-name", c.NodeName, "name of this node (default: the host's name)")
	fs.StringVar(&c.NodeIP, "node-ip", c.NodeIP, "address that this node is known by (default: that of the interface with the default route)")
	fs.StringVar(&c.ResolvConf, "resolv-conf", c.ResolvConf, "resolv.conf that names the DNS servers for everything outside the cluster")
	fs.StringSliceVar(&c.NodeLabels, "node-label", c.NodeLabels, "label that the node registers with, key=value (repeatable)")
	fs.StringSliceVar(&c.NodeTaints, "node-taint", c.NodeTaints, "taint that the node registers with, key=value:effect (repeatable)")
	fs.StringVar(&c.Snapshotter, "snapshotter", c.Snapshotter, "containerd's snapshotter: overlayfs or native")
	fs.StringVar(&c.ImageDir, "image-dir", c.ImageDir, "folder of image archives that are loaded before the node takes pods (default: images in --data-dir)")
	fs.IntVarP(&c.Verbosity, "v", "v", c.Verbosity, "verbosity of the daemon's log, 0 to 10")
	fs.StringArrayVar(&c.KubeletArgs, "kubelet-arg", nil, "flag for kubelet, as name=value (repeatable)")
	fs.StringArrayVar(&c.KubeProxyArgs, "kube-proxy-arg", nil, "flag for kube-proxy, as name=value (repeatable)")
}

// Complete fills in what follows from this machine and from other settings.
func (c *Config) Complete() error {
	var err error
	if c.DataDir, err = filepath.Abs(c.DataDir); err != nil {
		return fmt.Errorf("find --data-dir: %w", err)
	}
	if c.NodeName == "" {
		if c.NodeName, err = os.Hostname(); err != nil {
			return fmt.Errorf("find this machine's name (set --node-name): %w", err)
		}
		c.NodeName = strings.ToLower(c.NodeName)
	}
	if c.NodeIP == "" {
		if c.NodeIP, err = c.defaultNodeIP(); err != nil {
			return err
		}
	}
	if c.ClusterDNS == "" {
		if c.ClusterDNS, err = tenthAddress(c.ServiceCIDR); err != nil {
			return err
		}
	}
	if c.ImageDir == "" {
		c.ImageDir = filepath.Join(c.DataDir, "images")
	}
	if c.WriteKubeconfig == "" {
		c.WriteKubeconfig = filepath.Join(c.DataDir, "kubeconfig")
	}
	return nil
}

// defaultNodeIP returns the source address of the route to the server, or of the
// default route, and loopback where there is none but a simulated cluster does
// not need one. Connecting a UDP socket sends nothing; the kernel only chooses the
// route.
func (c *Config) defaultNodeIP() (string, error) {
	towards := "203.0.113.1" // TEST-NET-3, RFC 5737
	if server, err := url.Parse(c.Server); err == nil && server.Hostname() != "" {
		towards = server.Hostname()
	}
	conn, err := net.Dial("udp4", net.JoinHostPort(towards, "9"))
	if err != nil {
		if c.Simulate {
			return "127.0.0.1", nil
		}
		return "", fmt.Errorf("find this machine's address: no route to %s; set --node-ip: %w", towards, err)
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).IP.String(), nil
}

// tenthAddress is where every distribution puts cluster DNS in the Services'
// range.
func tenthAddress(cidr string) (string, error) {
	prefix, err := netip.ParsePrefix(cidr)
	if err != nil {
		return "", fmt.Errorf("--service-cidr %q: want a range such as 10.43.0.0/16", cidr)
	}
	addr := prefix.Masked().Addr()
	for range 10 {
		addr = addr.Next()
	}
	return addr.String(), nil
}

// Enabled says whether a component of the Component constants is to run.
func (c *Config) Enabled(component string) bool {
	return !slices.Contains(c.Disable, component)
}

// CgroupRoot is the cgroup under which all pods of this data directory live. It
// differs between data directories, because a kubelet removes the cgroups of
// pods that it does not know.
func (c *Config) CgroupRoot() string {
	if c.DataDir == "/var/lib/bulkhead" {
		return "/bulkhead"
	}
	h := fnv.New32a()
	h.Write([]byte(c.DataDir))
	return fmt.Sprintf("/bulkhead-%08x", h.Sum32())
}

// AdminSocket is where the daemon answers `bulkhead`.
func (c *Config) AdminSocket() string { return filepath.Join(c.DataDir, "run", "bulkheadd.sock") }

// KubeconfigMode is WriteKubeconfigMode as a number; Validate has checked it.
func (c *Config) KubeconfigMode() os.FileMode {
	mode, err := strconv.ParseUint(c.WriteKubeconfigMode, 8, 32)
	if err != nil {
		return 0o600
	}
	return os.FileMode(mode)
}

// LogFile is what a daemon that `bulkhead up` started in the background writes.
func (c *Config) LogFile() string { return filepath.Join(c.DataDir, "log", "bulkheadd.log") }

// PodLogsDir is where the kubelet keeps the pods' logs: where everybody looks for
// them, but for a cluster that is not the machine's usual one. A kubelet removes
// logs of pods that it does not know, so two on one machine need folders of their
// own.
func (c *Config) PodLogsDir() string {
	if c.DataDir == Default().DataDir {
		return "/var/log/pods"
	}
	return filepath.Join(c.DataDir, "log", "pods")
}

// NodeCertificate is where the certificate of an agent's node is, by the name that
// the kubelet gives to the one in use.
func (c *Config) NodeCertificate() string {
	return filepath.Join(c.DataDir, "kubelet", "pki", "kubelet-client-current.pem")
}

// HasJoined says whether this machine is a node of a cluster whose server is
// elsewhere.
func (c *Config) HasJoined() bool {
	_, err := os.Stat(c.NodeCertificate())
	return err == nil
}

// JournalDir is where the journal is.
func (c *Config) JournalDir() string { return filepath.Join(c.DataDir, "journal") }

// JournalMaxBytes is JournalMaxSize as a number; Validate has checked it.
func (c *Config) JournalMaxBytes() int64 {
	q, err := resource.ParseQuantity(c.JournalMaxSize)
	if err != nil {
		return 2 << 30
	}
	return q.Value()
}
