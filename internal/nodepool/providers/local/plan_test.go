package local

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/localnode"
)

func cluster() Cluster {
	return Cluster{Server: "https://192.0.2.1:6443", ImageDir: "/data/images", ResolvConf: "/etc/resolv.conf", Snapshotter: "overlayfs",
		Taken: []netip.Prefix{netip.MustParsePrefix("10.42.0.0/16"), netip.MustParsePrefix("10.43.0.0/16")}}
}

func TestPlanOfAPool(t *testing.T) {
	spec := v1alpha1.NodePoolSpec{
		Max: 3, Machine: v1alpha1.MachineShape{Resources: list("cpu", "1")},
		Labels: map[string]string{"tier": "web", corev1.LabelTopologyZone: "a"},
		Taints: []corev1.Taint{{Key: "only", Value: "web", Effect: corev1.TaintEffectNoSchedule}},
	}
	p, err := planFor("web", spec, host, cluster())
	if err != nil {
		t.Fatal(err)
	}
	if p.network.Bridge != "bulkhead-pool" || p.network.Prefix.String() != "10.88.0.0/24" {
		t.Errorf("network %+v", p.network)
	}
	address := netip.MustParseAddr("10.88.0.2")
	s := p.settings(cluster(), "web-1", address, "secret")
	for key, want := range map[string]any{"server": "https://192.0.2.1:6443", "node-name": "web-1", "node-ip": "10.88.0.2", "image-dir": "/data/images", "token": "secret"} {
		if s[key] != want {
			t.Errorf("setting %s is %v, want %v", key, s[key], want)
		}
	}
	for key, want := range map[string][]string{
		"node-label":  {"bulkhead.dev/nodepool=web", "tier=web", "topology.kubernetes.io/zone=a"},
		"node-taint":  {"only=web:NoSchedule"},
		"kubelet-arg": {"system-reserved=cpu=3", "max-pods=110", "provider-id=local://web/web-1"},
	} {
		if got, _ := s[key].([]string); !slices.Equal(got, want) {
			t.Errorf("setting %s is %q, want %q", key, got, want)
		}
	}
	if _, has := p.settings(cluster(), "web-1", address, "")["token"]; has {
		t.Error("the settings of a node that has joined hold a token")
	}
	if n := p.node; n.Labels["tier"] != "web" || len(n.Spec.Taints) != 1 || n.Status.Allocatable.Cpu().String() != "1" {
		t.Errorf("the pool foretells %+v", n)
	}
	if r := p.record(address); r.Pool != "web" || r.State != localnode.Making || r.DiskBytes != 0 {
		t.Errorf("record %+v", r)
	}
}

func TestPlanThatCannotBe(t *testing.T) {
	for _, tc := range []struct {
		name string
		set  func(*v1alpha1.NodePoolSpec)
		want string
	}{
		{"a role", func(s *v1alpha1.NodePoolSpec) { s.Labels = map[string]string{"node-role.kubernetes.io/web": ""} }, "node-role.kubernetes.io/web"},
		{"a restricted label", func(s *v1alpha1.NodePoolSpec) {
			s.Labels = map[string]string{"x.node-restriction.kubernetes.io/a": "b"}
		}, "node-restriction"},
		{"no range", func(s *v1alpha1.NodePoolSpec) { s.Provider.Local = &v1alpha1.LocalProvider{CIDR: "ten"} }, "10.88.0.0/24"},
		{"no room", func(s *v1alpha1.NodePoolSpec) { s.Provider.Local = &v1alpha1.LocalProvider{CIDR: "10.9.0.0/31"} }, "room for nodes"},
		{"the pods' range", func(s *v1alpha1.NodePoolSpec) { s.Provider.Local = &v1alpha1.LocalProvider{CIDR: "10.42.7.0/24"} }, "overlaps with 10.42.0.0/16"},
		{"a long name", func(s *v1alpha1.NodePoolSpec) {
			s.Provider.Local = &v1alpha1.LocalProvider{Bridge: "bridge-of-my-pool"}
		}, "15 bytes"},
		{"too large", func(s *v1alpha1.NodePoolSpec) { s.Machine.Resources = list("cpu", "64") }, "this machine"},
	} {
		spec := v1alpha1.NodePoolSpec{Max: 1}
		tc.set(&spec)
		if _, err := planFor("web", spec, host, cluster()); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want an error with %q", tc.name, err, tc.want)
		}
	}
	place := localnode.Place{Server: "/a/long/way/to/the/data/directory/of/a/cluster", Name: "web-0a1b2c-1"}
	if err := validate(place, netip.MustParseAddr("10.88.0.2"), cluster()); err == nil || !strings.Contains(err.Error(), "--data-dir") {
		t.Errorf("a data directory without room for sockets: %v", err)
	}
}

func TestRefuse(t *testing.T) {
	all := facts{root: true, loop: true, programs: map[string]bool{"nft": true, "mkfs.ext4": true, "mount": true}}
	if err := refuse(all, true); err != nil {
		t.Error(err)
	}
	for _, tc := range []struct {
		facts facts
		disk  bool
		want  string
	}{
		{facts{}, false, "root"},
		{facts{root: true}, false, "nftables"},
		{facts{root: true, programs: map[string]bool{"nft": true}}, false, ""},
		{facts{root: true, loop: true, programs: map[string]bool{"nft": true, "mount": true}}, true, "e2fsprogs"},
		{facts{root: true, programs: all.programs}, true, "loop"},
	} {
		err := refuse(tc.facts, tc.disk)
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v, disk %v: %v, want %q", tc.facts, tc.disk, err, tc.want)
		}
	}
}

func TestWhatEndsByItselfIsStartedAgain(t *testing.T) {
	for _, tc := range []struct {
		name  string
		ended ended
		last  time.Duration
		again bool
		pause time.Duration
	}{
		{"asked to", ended{status: 0, readyFor: time.Hour}, 0, false, 0},
		{"killed", ended{status: -1, readyFor: time.Hour}, 0, false, 0},
		{"refused to start", ended{status: 1}, time.Second, false, 0},
		{"by itself", ended{status: 1, readyFor: time.Second}, 0, true, firstPause},
		{"again", ended{status: 1, readyFor: time.Second}, firstPause, true, 2 * firstPause},
		{"over and over", ended{status: 255, readyFor: time.Second}, maxPause, true, maxPause},
		{"after it was well", ended{status: 1, readyFor: time.Hour}, maxPause, true, firstPause},
	} {
		if again, pause := next(tc.ended, tc.last); again != tc.again || pause != tc.pause {
			t.Errorf("%s: %v after %s, want %v after %s", tc.name, again, pause, tc.again, tc.pause)
		}
	}
}
