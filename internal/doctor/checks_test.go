package doctor

import (
	"errors"
	"io/fs"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// goodHost is a machine that nothing is wrong with.
func goodHost() *Host {
	return &Host{
		OS: "linux", Caps: 1<<41 - 1, Kernel: "6.1.0-28-amd64", Hostname: "node",
		Cgroups:             Cgroups{Version: 2, Controllers: strings.Fields("cpuset cpu io memory pids")},
		NFT:                 Program{Path: "/usr/sbin/nft", Version: "nftables v1.0.6 (Lester Gooch #5)"},
		Iptables:            Program{Path: "/usr/sbin/iptables"},
		Mount:               Program{Path: "/usr/bin/mount"},
		ConntrackMax:        262144,
		MaxUserNamespaces:   15000,
		MaxInotifyInstances: 8192,
		MaxInotifyWatches:   524288,
		Data:                DataDir{Exists: true, FreeBytes: 50 * gib, TotalBytes: 100 * gib, FreeInodes: 1e6, TotalInodes: 2e6},
		Now:                 noon,
		Routes:              []Route{{"eth0", netip.MustParsePrefix("0.0.0.0/0")}, {"eth0", netip.MustParsePrefix("192.0.2.0/24")}},
		NameServers:         []string{"192.0.2.53"},
	}
}

func settings() *config.Config {
	c := config.Default()
	c.DataDir, c.NodeIP, c.ClusterDNS = "/var/lib/bulkhead", "192.0.2.1", "10.43.0.10"
	return c
}

func TestChecks(t *testing.T) {
	refused := &fs.PathError{Op: "open", Path: "/x", Err: syscall.EACCES}
	tests := []struct {
		check   string
		host    func(*Host)
		config  func(*config.Config)
		verdict Verdict
		found   string
		remedy  string
	}{
		{check: "operating system", verdict: OK, found: "Linux 6.1"},
		{check: "operating system", host: func(h *Host) { h.OS = "darwin" }, verdict: Failure, found: "darwin", remedy: "Linux VM"},
		{check: "privileges", verdict: OK, found: "root"},
		{check: "privileges", host: func(h *Host) { h.EUID = 1000 }, verdict: Failure, found: "user id 1000", remedy: "--simulate"},
		{check: "privileges", host: func(h *Host) { h.Caps &^= 1 << capSysAdmin }, verdict: Failure, found: "CAP_SYS_ADMIN", remedy: "privileged"},
		{check: "kernel", verdict: OK},
		{check: "kernel", host: func(h *Host) { h.Kernel = "5.10.0-8" }, verdict: Failure, found: "5.10", remedy: "newer kernel"},
		{check: "kernel", host: func(h *Host) { h.Kernel = "5.13" }, verdict: OK},
		{check: "kernel", host: func(h *Host) { h.Kernel = "?" }, verdict: Warning, found: "cannot be read"},
		{check: "cgroups", verdict: OK, found: "v2"},
		{check: "cgroups", host: func(h *Host) {
			h.Cgroups = Cgroups{Version: 1, Controllers: strings.Fields("cpu cpuacct cpuset memory pids devices freezer blkio")}
		}, verdict: Warning, found: "v1", remedy: "unified_cgroup_hierarchy"},
		{check: "cgroups", host: func(h *Host) { h.Cgroups.Controllers = []string{"cpu", "cpuset", "pids"} }, verdict: Failure, found: "without memory", remedy: "cgroup_enable=memory"},
		{check: "cgroups", host: func(h *Host) { h.Cgroups.ReadOnly = true }, verdict: Failure, found: "read-only", remedy: "--privileged"},
		{check: "cgroups", host: func(h *Host) { h.Cgroups = Cgroups{} }, verdict: Failure, found: "no cgroups", remedy: "mount cgroup2"},
		{check: "overlayfs", verdict: OK},
		{check: "overlayfs", host: func(h *Host) { h.OverlayErr = syscall.ENODEV }, verdict: Failure, found: "no overlayfs", remedy: "modprobe overlay"},
		{check: "overlayfs", host: func(h *Host) { h.OverlayErr = syscall.EINVAL }, verdict: Failure, found: "invalid argument", remedy: "another file system"},
		{check: "overlayfs", host: func(h *Host) { h.OverlayErr = errNotTried }, verdict: Warning, found: "not tried"},
		{check: "overlayfs", host: func(h *Host) { h.OverlayErr = syscall.EINVAL }, config: func(c *config.Config) { c.Snapshotter = "native" }, verdict: OK, found: "not needed"},
		{check: "virtual networks", verdict: OK},
		{check: "virtual networks", host: func(h *Host) { h.LinksErr = errors.New("make a bridge: operation not supported") }, verdict: Failure, found: "make a bridge", remedy: "modprobe"},
		{check: "virtual networks", host: func(h *Host) { h.LinksErr = errNotTried }, verdict: Warning, found: "not tried"},
		{check: "nftables", verdict: OK, found: "1.0.6"},
		{check: "nftables", host: func(h *Host) { h.NFT = Program{} }, verdict: Failure, found: "not found", remedy: "apt-get install nftables"},
		{check: "nftables", host: func(h *Host) { h.NFT.Version = "nftables v0.9.8 (E.D.S.)" }, verdict: Failure, found: "0.9.8", remedy: "newer"},
		{check: "nftables", host: func(h *Host) { h.NFT.Version = "nftables v1.1 (x)" }, verdict: OK, found: "1.1.0"},
		{check: "nftables", host: func(h *Host) { h.NFT.Version = "" }, verdict: Warning, found: "no version"},
		{check: "nftables", host: func(h *Host) { h.NFTErr = errors.New("Operation not supported") }, verdict: Failure, found: "not supported", remedy: "modprobe nf_tables"},
		{check: "nftables", host: func(h *Host) { h.NFTErr = errNotTried }, verdict: Warning, found: "not tried"},
		{check: "iptables", verdict: OK},
		{check: "iptables", host: func(h *Host) { h.Iptables = Program{} }, verdict: Warning, found: "not found", remedy: "hostPort"},
		{check: "iptables", host: func(h *Host) { h.IptErr = errors.New("no nat table") }, verdict: Warning, found: "no nat table", remedy: "hostPort"},
		{check: "connection tracking", verdict: OK},
		{check: "connection tracking", host: func(h *Host) { h.ConntrackMax = 0 }, verdict: OK, found: "not loaded"},
		{check: "connection tracking", host: func(h *Host) { h.ConntrackMax = 1024 }, verdict: Warning, found: "1024", remedy: "nf_conntrack_max"},
		{check: "mount program", verdict: OK},
		{check: "mount program", host: func(h *Host) { h.Mount = Program{} }, verdict: Failure, found: "not found", remedy: "apt-get install mount"},
		{check: "kernel messages", verdict: OK},
		{check: "kernel messages", host: func(h *Host) { h.KmsgErr = fs.ErrNotExist }, verdict: Failure, found: "no /dev/kmsg", remedy: "mknod"},
		{check: "kernel messages", host: func(h *Host) { h.KmsgErr = errNotTried }, verdict: Warning, found: "not tried"},
		{check: "kernel messages", host: func(h *Host) { h.KmsgErr = refused }, verdict: Failure, found: "permission denied", remedy: "privileged"},
		{check: "user namespaces", verdict: OK},
		{check: "user namespaces", host: func(h *Host) { h.MaxUserNamespaces = 0 }, verdict: Warning, found: "off", remedy: "max_user_namespaces"},
		{check: "resource limits", verdict: OK},
		{check: "resource limits", host: func(h *Host) { h.Caps &^= 1 << capSysResource }, verdict: Warning, found: "no CAP_SYS_RESOURCE"},
		{check: "inotify", verdict: OK},
		{check: "inotify", host: func(h *Host) { h.MaxInotifyInstances = 128 }, verdict: Warning, found: "128 instances", remedy: "max_user_instances"},
		{check: "inotify", host: func(h *Host) { h.MaxInotifyWatches = 8192 }, verdict: Warning, found: "8192 watches", remedy: "max_user_watches"},
		{check: "inotify", host: func(h *Host) { h.InotifyErr = syscall.EMFILE }, verdict: Failure, found: "too many open files", remedy: "max_user_instances"},
		{check: "swap", verdict: OK, found: "off"},
		{check: "swap", host: func(h *Host) { h.SwapBytes = 2 * gib }, verdict: OK, found: "2.0 GiB"},
		{check: "data directory lock", verdict: OK},
		{check: "data directory lock", host: func(h *Host) { h.Data.LockedBy, h.Starting = 42, true }, verdict: Failure, found: "process 42", remedy: "bulkhead down"},
		{check: "data directory lock", host: func(h *Host) { h.Data.LockedBy = 42 }, verdict: OK, found: "process 42"},
		{check: "data directory", verdict: OK, found: "is writable"},
		{check: "data directory", host: func(h *Host) { h.Data.Exists = false }, verdict: OK, found: "can be made"},
		{check: "data directory", host: func(h *Host) { h.Data.WriteErr = syscall.EROFS }, verdict: Failure, found: "read-only", remedy: "--data-dir"},
		{check: "data format", verdict: OK, found: "new"},
		{check: "data format", host: func(h *Host) { h.Data.Format = &Format{1, "0.1", "1.37.2"} }, verdict: OK, found: "Kubernetes 1.37.2"},
		{check: "data format", host: func(h *Host) { h.Data.Format = &Format{CurrentFormat + 1, "9.0", "2.0"} }, verdict: Failure, found: "written by Bulkhead 9.0", remedy: "run Bulkhead 9.0 or newer"},
		{check: "data format", host: func(h *Host) { h.Data.FormatErr = errors.New("holds no format") }, verdict: Failure, found: "no format", remedy: "backup"},
		{check: "disk space", verdict: OK, found: "50.0 GiB of 100.0 GiB"},
		{check: "disk space", host: func(h *Host) { h.Data.FreeBytes = 100 * mib }, verdict: Failure, found: "100 MiB left", remedy: "free some"},
		{check: "disk space", host: func(h *Host) { h.Data.FreeBytes = 200 * mib }, config: func(c *config.Config) { c.Simulate = true }, verdict: OK},
		{check: "disk space", host: func(h *Host) { h.Data.FreeBytes = 5 * gib }, verdict: Warning, found: "evicts", remedy: "free some"},
		{check: "disk space", host: func(h *Host) { h.Data.FreeInodes = 10 }, verdict: Failure, found: "10 inodes", remedy: "free some"},
		{check: "disk space", host: func(h *Host) { h.Data.FreeInodes = 5e4 }, verdict: Warning, found: "inodes", remedy: "free some"},
		{check: "disk space", host: func(h *Host) { h.Data.FreeInodes, h.Data.TotalInodes = 0, 0 }, verdict: OK},
		{check: "disk space", host: func(h *Host) { h.Data.FreeBytes, h.Data.TotalBytes = 0, 0 }, verdict: OK, found: "not known"},
		{check: "file modes", verdict: OK},
		{check: "file modes", host: func(h *Host) { h.Data.Exposed = []ExposedFile{{"/d/ca.pem", 0o644}} }, verdict: Warning, found: "/d/ca.pem (0644)", remedy: "chmod go= /d/ca.pem"},
		{check: "ports", verdict: OK, found: "6443, 10257, 10259, 53, 10250"},
		{check: "ports", host: func(h *Host) { h.Listeners = []Listener{listens("0.0.0.0:10250", 77, "k3s")} }, verdict: Failure, found: "the kubelet needs, is in use by k3s (process 77)", remedy: "port=N"},
		{check: "ports", host: func(h *Host) { h.Listeners = []Listener{listens("127.0.0.1:10250", 77, "k3s")} }, verdict: OK},
		{check: "ports", host: func(h *Host) { h.Listeners = []Listener{listens("192.0.2.1:10250", 77, "k3s")} }, config: func(c *config.Config) { c.KubeletArgs = []string{"port=11250"} }, verdict: OK, found: "11250"},
		{check: "ports", host: func(h *Host) { h.Listeners = []Listener{listens("127.0.0.53:53", 7, "systemd-resolve")} }, verdict: OK},
		{check: "ports", host: func(h *Host) { h.Listeners = []Listener{listens("[::]:53", 7, "dnsmasq")} }, verdict: Failure, found: "the cluster's DNS needs, is in use by dnsmasq", remedy: "use --disable dns"},
		{check: "ports", host: func(h *Host) { h.Listeners = []Listener{listens("127.0.0.1:6443", 0, "")} }, verdict: Failure, found: "another program", remedy: "--https-listen-port"},
		{check: "ports", host: func(h *Host) {
			h.Listeners, h.Data.LockedBy = []Listener{listens("192.0.2.1:6443", 42, "bulkheadd")}, 42
		}, verdict: OK},
		{check: "ports", host: func(h *Host) { h.Listeners = []Listener{listens("0.0.0.0:10250", 77, "k3s")} }, config: func(c *config.Config) { c.Simulate = true }, verdict: OK},
		{check: "ports", host: func(h *Host) { h.Listeners = []Listener{listens("[::]:10259", 77, "kube-scheduler")} }, config: func(c *config.Config) { c.Simulate = true }, verdict: Failure, found: "the scheduler needs", remedy: "secure-port=N"},
		{check: "clock", verdict: OK, found: "2026-11-24T12:00:00Z"},
		{check: "clock", host: func(h *Host) { h.BuildTime = noon.Add(time.Hour) }, verdict: Failure, found: "before this program was built", remedy: "set the clock"},
		{check: "clock", host: func(h *Host) { h.BuildTime = noon.Add(time.Minute) }, verdict: OK},
		{check: "clock", host: func(h *Host) { h.Data.CertNotBefore = noon.Add(time.Hour) }, verdict: Failure, found: "before the cluster's certificates", remedy: "set the clock"},
		{check: "clock", host: func(h *Host) { h.Data.CertNotAfter = noon.Add(-time.Hour) }, verdict: Failure, found: "expired", remedy: "bulkhead reset"},
		{check: "clock", host: func(h *Host) { h.Data.LastWrite = noon.Add(time.Hour) }, verdict: Warning, found: "went back", remedy: "set the clock"},
		{check: "default route", verdict: OK, found: "eth0"},
		{check: "default route", host: func(h *Host) { h.Routes = nil }, verdict: Warning, found: "192.0.2.1"},
		{check: "default route", host: func(h *Host) { h.Routes = nil }, config: func(c *config.Config) { c.NodeIP = "" }, verdict: Failure, remedy: "--node-ip"},
		{check: "address ranges", verdict: OK},
		{check: "address ranges", host: func(h *Host) {
			h.Routes = append(h.Routes, Route{"tun0", netip.MustParsePrefix("10.42.7.0/24")})
		}, verdict: Warning, found: "through tun0", remedy: "choose another --cluster-cidr"},
		{check: "address ranges", host: func(h *Host) {
			h.Routes = append(h.Routes, Route{"bulkhead0", netip.MustParsePrefix("10.42.0.0/24")})
		}, verdict: OK},
		{check: "address ranges", config: func(c *config.Config) { c.ServiceCIDR = "x" }, verdict: Failure, found: "--service-cidr", remedy: "10.42.0.0/16"},
		{check: "host name", verdict: OK},
		{check: "host name", host: func(h *Host) { h.HostnameErr = errors.New("no such host") }, verdict: Warning, found: "no such host", remedy: "/etc/hosts"},
		{check: "name servers", verdict: OK, found: "192.0.2.53"},
		{check: "name servers", host: func(h *Host) { h.NameServers = nil }, verdict: Warning, found: "names none", remedy: "--resolv-conf"},
		{check: "name servers", host: func(h *Host) { h.NameServers = []string{"127.0.0.53"} }, verdict: Warning, found: "this machine itself", remedy: "/run/systemd/resolve"},
		{check: "name servers", host: func(h *Host) { h.NameServers = []string{"10.43.0.10"} }, verdict: Failure, found: "a loop"},
		{check: "name servers", host: func(h *Host) { h.ResolvConfErr = fs.ErrNotExist }, verdict: Warning, found: "cannot be read", remedy: "--resolv-conf"},
	}
	table := map[string]Check{}
	for _, check := range Checks() {
		table[check.Name] = check
	}
	tested := map[string]bool{}
	for _, tc := range tests {
		check, known := table[tc.check]
		if !known {
			t.Errorf("no check is called %q", tc.check)
			continue
		}
		tested[tc.check] = true
		host, c := goodHost(), settings()
		if tc.host != nil {
			tc.host(host)
		}
		if tc.config != nil {
			tc.config(c)
		}
		got := check.Run(host, c)
		if got.Verdict != tc.verdict || !strings.Contains(got.Found, tc.found) || !strings.Contains(got.Remedy, tc.remedy) {
			t.Errorf("%s: %+v, want %s with %q and remedy with %q", tc.check, got, tc.verdict, tc.found, tc.remedy)
		}
		if got.Found == "" || got.Verdict == Failure && got.Remedy == "" {
			t.Errorf("%s: %+v: a result says what was found, and a failure says what to do", tc.check, got)
		}
		if strings.ContainsRune(got.Found+got.Remedy, '\n') {
			t.Errorf("%s: %+v: a result is one line", tc.check, got)
		}
	}
	for name := range table {
		if !tested[name] {
			t.Errorf("check %q has no row in this table", name)
		}
	}
}

func listens(at string, pid int, command string) Listener {
	return Listener{netip.MustParseAddrPort(at), pid, command}
}

func TestArgument(t *testing.T) {
	args := []string{"v=2", "--port=1", "port=2", "bind=0.0.0.0:3", "port=x"}
	for name, want := range map[string]int{"port": 2, "bind": 3, "other": 9} {
		if got := argument(args, name, 9); got != want {
			t.Errorf("%s = %d, want %d", name, got, want)
		}
	}
}

func TestSimulationNeedsNoContainers(t *testing.T) {
	host := goodHost()
	host.EUID, host.Caps, host.Cgroups, host.NFT, host.Mount = 1000, 0, Cgroups{}, Program{}, Program{}
	host.KmsgErr, host.OverlayErr, host.LinksErr = syscall.EACCES, errNotTried, errNotTried
	c := settings()
	c.Simulate = true
	for _, result := range judge(host, c, true) {
		if result.Verdict != OK {
			t.Errorf("an ordinary user without containers: %s", result)
		}
	}
}

func TestOtherSystemsGetOneResult(t *testing.T) {
	results := judge(&Host{OS: "windows"}, settings(), true)
	if len(results) != 1 || results[0].Verdict != Failure {
		t.Errorf("results on Windows: %v, want the operating system alone", results)
	}
}

func TestPreflightErrorHasOneLineForEachFailure(t *testing.T) {
	err := &PreflightError{Failed: []Result{
		{"ports", Failure, "port 6443 is in use", "stop it"},
		{"clock", Failure, "it is 1970", "set the clock"},
	}}
	if got, want := err.Error(), "ports: port 6443 is in use; stop it\nclock: it is 1970; set the clock"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
