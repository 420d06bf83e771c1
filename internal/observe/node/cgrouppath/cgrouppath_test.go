package cgrouppath

import (
	"strings"
	"testing"
)

const (
	uid = "46e2c62c-10d8-488c-925e-b2b54649a566"
	id  = "07ba5a2a3d8a3a0a6f0d7a3fd0cd1d1b4a8f0f35b1a4e77f54c1a2d9d0c0b1ef"
)

func TestOf(t *testing.T) {
	full := Place{PodUID: uid, ContainerID: id}
	for path, want := range map[string]Place{
		"/bulkhead/kubepods/burstable/pod" + uid + "/" + id:     {PodUID: uid, ContainerID: id, Root: "bulkhead"},
		"/docker/1/bulkhead-00000001/kubepods/pod" + uid:        {PodUID: uid, Root: "bulkhead-00000001"},
		"/kubepods/pod" + uid + "/" + id + "/init.scope/nested": full,
		"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod46e2c62c_10d8_488c_925e_b2b54649a566.slice/cri-containerd-" + id + ".scope": full,
		"/kubepods/burstable/pod" + uid:                       {PodUID: uid},
		"/kubepods/podabcdefabcdefabcdefabcdefabcdef01/" + id: {PodUID: "abcdefabcdefabcdefabcdefabcdef01", ContainerID: id},
		"/docker/" + id: {},
		"/":             {},
		"":              {},
	} {
		if got := Of(path); got != want {
			t.Errorf("Of(%q) = %+v, want %+v", path, got, want)
		}
	}
}

func TestOfProcess(t *testing.T) {
	v1 := "9:name=systemd:/\n4:memory:/b/kubepods/pod" + uid + "/" + id + "\n0::/\n"
	if got := OfProcess(v1); got.ContainerID != id || got.PodUID != uid {
		t.Errorf("version 1: got %+v", got)
	}
	v2 := "0::/kubepods/pod" + uid + "/" + id + "\n"
	if got := OfProcess(v2); got.ContainerID != id {
		t.Errorf("version 2: got %+v", got)
	}
}

func FuzzOfProcess(f *testing.F) {
	f.Add("0::/kubepods/pod" + uid + "/" + id)
	f.Fuzz(func(t *testing.T, s string) {
		if p := OfProcess(s); p.ContainerID != "" && !strings.Contains(s, p.ContainerID) {
			t.Errorf("%q gives container %q", s, p.ContainerID)
		}
	})
}
