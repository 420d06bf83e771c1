package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/nodepool/decide"
)

// A folder is the cloud here: one file a machine.
const cloud = `
case "$BULKHEAD_ACTION" in
create)
  [ "$(ls "$CLOUD" | wc -l)" -lt 2 ] || { echo "no more machines for you" >&2; exit 1; }
  env | grep ^BULKHEAD_ | sort > "$CLOUD/$BULKHEAD_NODE" ;;
delete) rm -f "$CLOUD/$BULKHEAD_NODE" ;;
list)
  for m in $(ls "$CLOUD"); do echo "{\"node\":\"$m\",\"id\":\"cloud://$m\",\"state\":\"running\"}"; done ;;
esac
`

func provider(t *testing.T, script string) (*Provider, string) {
	t.Helper()
	dir, words := t.TempDir(), []string{"sh", "-c", script}
	p, err := New("a", v1alpha1.NodePoolSpec{
		Machine: v1alpha1.MachineShape{Architecture: "arm64", Resources: corev1.ResourceList{"cpu": resource.MustParse("4"), "ephemeral-storage": resource.MustParse("50Gi"), "example.com/gpu": resource.MustParse("1")}},
		Labels:  map[string]string{"tier": "web"}, Taints: []corev1.Taint{{Key: "k", Value: "v", Effect: corev1.TaintEffectNoSchedule}},
		Provider: v1alpha1.PoolProvider{Command: &v1alpha1.CommandProvider{Create: words, Delete: words, List: words, Env: map[string]string{"CLOUD": dir},
			Timeout: &metav1.Duration{Duration: 5 * time.Second}}}})
	if err != nil {
		t.Fatal(err)
	}
	return p, dir
}

func TestProgramsMakeListAndDelete(t *testing.T) {
	p, dir := provider(t, cloud)
	if err := p.Create(t.Context(), []string{"a-1", "a-2"}); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "a-1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"BULKHEAD_POOL=a\n", "BULKHEAD_NODE=a-1\n", "BULKHEAD_MACHINE_CPU=4\n", "BULKHEAD_MACHINE_EPHEMERAL_STORAGE=50Gi\n",
		"BULKHEAD_MACHINE_EXAMPLE_COM_GPU=1\n", "BULKHEAD_MACHINE_ARCHITECTURE=arm64\n", "BULKHEAD_TAINTS=k=v:NoSchedule\n", "bulkhead.dev/nodepool=a", "tier=web"} {
		if !strings.Contains(string(got), want) {
			t.Errorf("the program did not get %q:\n%s", want, got)
		}
	}
	list, err := p.List(t.Context())
	if err != nil || len(list) != 2 || list[0] != (decide.Machine{ID: "cloud://a-1", Name: "a-1", State: decide.Running}) {
		t.Errorf("list %+v, %v", list, err)
	}
	if err := p.Create(t.Context(), []string{"a-3"}); err == nil || !strings.Contains(err.Error(), "no more machines for you") {
		t.Errorf("what the program said is lost: %v", err)
	}
	if err := p.Delete(t.Context(), list[0]); err != nil {
		t.Error(err)
	}
	if list, err = p.List(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("after the deletion %+v, %v", list, err)
	}
}

func TestAProgramThatHangsIsEnded(t *testing.T) {
	p, _ := provider(t, "sleep 60")
	p.timeout = 100 * time.Millisecond
	if _, err := p.List(t.Context()); err == nil || !strings.Contains(err.Error(), "did not end in 100ms") {
		t.Errorf("error %v", err)
	}
}

func TestParse(t *testing.T) {
	for name, c := range map[string]struct {
		out  string
		want int
		err  string
	}{
		"nothing":          {"", 0, ""},
		"two":              {"{\"node\":\"a\"}\n\n{\"id\":\"x://b\",\"state\":\"failed\",\"error\":\"quota\"}\n", 2, ""},
		"no JSON":          {"a\n", 0, "line 1 is no JSON object"},
		"nobody":           {"{\"state\":\"running\"}", 0, "neither node nor id"},
		"an unknown state": {"{\"node\":\"a\",\"state\":\"up\"}", 0, `the state "up"`},
	} {
		list, err := parse([]byte(c.out))
		if len(list) != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %+v, %v", name, list, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("{\"node\":\"a\",\"state\":\"creating\"}\n"))
	f.Fuzz(func(t *testing.T, out []byte) {
		if list, err := parse(out); err != nil && list != nil {
			t.Error("an error and a list")
		}
	})
}
