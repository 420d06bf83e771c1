package testimages

import (
	"slices"
	"strings"
	"testing"

	imageutils "k8s.io/kubernetes/test/utils/image"
)

func TestNamesAreThoseOfTheSuite(t *testing.T) {
	known := imageutils.GetImageConfigs()
	names := Names()
	slices.Sort(names)
	if n := len(slices.Compact(slices.Clone(names))); n != len(recipes) {
		t.Errorf("%d recipes make %d names", len(recipes), n)
	}
	for id := range recipes {
		if _, ok := known[id]; !ok {
			t.Errorf("the suite of this version has no image %d", id)
		}
	}
	for _, name := range names {
		if !strings.HasPrefix(name, "registry.k8s.io/") {
			t.Errorf("%s: no spec asks for it", name)
		}
	}
}

func TestBusyboxLinksAreEnoughForScripts(t *testing.T) {
	have := map[string]bool{}
	for _, f := range busyboxLinks() {
		if f.Link != "busybox" || have[f.Path] {
			t.Errorf("link %+v", f)
		}
		have[f.Path] = true
	}
	for _, want := range []string{"sh", "cat", "sleep", "wget", "nslookup", "nc", "id", "stat", "hostname", "mount", "env"} {
		if !have["/bin/"+want] {
			t.Errorf("no %s", want)
		}
	}
}
