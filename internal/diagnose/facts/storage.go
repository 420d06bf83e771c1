package facts

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
	"github.com/bulkhead-k8s/bulkhead/internal/lazyregexp"
)

// storage finds claims without a volume and why none fits, and volumes that
// cannot be attached or mounted.
func storage(m *model.Model, emit func(Fact)) {
	for _, o := range m.Objects(model.KindPVC) {
		c, ok := o.Value.(*corev1.PersistentVolumeClaim)
		if !ok || c.Status.Phase != corev1.ClaimPending && c.Status.Phase != corev1.ClaimLost {
			continue
		}
		if waitsForPod(m, o, c) {
			continue
		}
		emit(Fact{ID: "ClaimPending", Object: o.Key, Still: true, Since: model.Since(o),
			Message:  "the claim has no volume",
			Evidence: []Evidence{evidence("state", "PersistentVolumeClaim "+o.Key.Name+" is "+string(c.Status.Phase), m.Now)}})
		why(m, o, c, emit)
	}
	m.EachEvents(func(k model.Key, _ []*model.Event) {
		if k.Kind == model.KindPod {
			mounts(m, k, emit)
		}
	})
}

// waitsForPod says that the claim's volume is made only when a pod needs it, and
// no pod does.
func waitsForPod(m *model.Model, o *model.Object, c *corev1.PersistentVolumeClaim) bool {
	for _, e := range m.Events(o.Key) {
		if e.Reason == "WaitForFirstConsumer" {
			for _, w := range m.Workloads() {
				for _, p := range w.Pods {
					if mountsClaim(p.Spec.PodSpec, o.Key.Name) && p.Key.Namespace == o.Key.Namespace {
						return false
					}
				}
			}
			return true
		}
	}
	return false
}

func mountsClaim(spec *corev1.PodSpec, name string) bool {
	return slices.ContainsFunc(spec.Volumes, func(v corev1.Volume) bool {
		return v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName == name
	})
}

func why(m *model.Model, o *model.Object, c *corev1.PersistentVolumeClaim, emit func(Fact)) {
	f := Fact{Object: o.Key, Still: true, Since: model.Since(o), Strength: 0.93}
	say := func(id, text string) {
		f.ID, f.Message = id, text
		f.Evidence = append(f.Evidence, evidence("state", text, m.Now))
		emit(f)
	}
	class := ""
	if c.Spec.StorageClassName != nil {
		class = *c.Spec.StorageClassName
	}
	for _, e := range m.Events(o.Key) {
		switch {
		case e.Reason == "ProvisioningFailed" && strings.Contains(e.Message, "not found") && carried(m, class):
			// The name only pairs claims with volumes that were made by hand.
			f.Evidence = append(f.Evidence, evidence("event", e.Message, e.Last))
		case e.Reason == "ProvisioningFailed" && strings.Contains(e.Message, "not found"):
			f.Evidence = append(f.Evidence, evidence("event", e.Message, e.Last))
			say("StorageClassMissing", fmt.Sprintf("it asks for the storage class %q, which does not exist", class))
			return
		case e.Reason == "ProvisioningFailed" && strings.Contains(e.Message, "kubernetes.io/no-provisioner"):
			// The class makes no volumes: the claim waits for one made by hand.
			f.Evidence = append(f.Evidence, evidence("event", e.Message, e.Last))
		case e.Reason == "ProvisioningFailed":
			f.Evidence = append(f.Evidence, evidence("event", e.Message, e.Last))
			say("ProvisioningFails", "its storage class cannot make a volume: "+clipError(e.Message, 160))
			return
		case e.Reason == "VolumeMismatch" || e.Reason == "FailedBinding":
			f.Evidence = append(f.Evidence, evidence("event", e.Message, e.Last))
		}
	}
	candidates(m, c, class, say)
}

// carried says that volumes have the class: then no object of it is needed.
func carried(m *model.Model, class string) bool {
	for _, o := range m.Objects(model.KindPV) {
		if v, ok := o.Value.(*corev1.PersistentVolume); ok && class != "" && v.Spec.StorageClassName == class {
			return true
		}
	}
	return false
}

// candidates tells for the volume that comes closest why it does not do.
func candidates(m *model.Model, c *corev1.PersistentVolumeClaim, class string, say func(id, text string)) {
	asked := c.Spec.Resources.Requests[corev1.ResourceStorage]
	best, bestID, bestText := -1, "", ""
	for _, o := range m.Objects(model.KindPV) {
		v, ok := o.Value.(*corev1.PersistentVolume)
		if !ok {
			continue
		}
		id, text, fits := mismatch(v, c, class, asked)
		if c.Spec.VolumeName == v.Name {
			fits += 10
		}
		if strings.HasPrefix(v.Name, strings.TrimSuffix(c.Name, "-pvc")) {
			fits++
		}
		if id != "" && fits > best {
			best, bestID, bestText = fits, id, text
		}
	}
	switch {
	case bestID != "":
		say(bestID, bestText)
	case class != "" && m.Absent(model.Key{Kind: model.KindClass, Name: class}):
		say("StorageClassMissing", fmt.Sprintf("it asks for the storage class %q, which does not exist", class))
	case noneFits(m, c):
		say("NoVolumeFits", "there are free volumes, and none fits its size, access mode, class or selector: compare the claim with them")
	case len(m.Objects(model.KindPV)) == 0 && m.Listed(model.KindPV, ""):
		say("NoVolume", "there is no volume, and nothing that makes one")
	}
}

// mismatch says what keeps a volume from a claim, and how many of the conditions
// are met.
func mismatch(v *corev1.PersistentVolume, c *corev1.PersistentVolumeClaim, class string, asked resource.Quantity) (id, text string, fits int) {
	set := func(i, t string) {
		if id == "" {
			id, text = i, t
		}
	}
	has := v.Spec.Capacity[corev1.ResourceStorage]
	if ref := v.Spec.ClaimRef; ref != nil && ref.Name != "" && (ref.Name != c.Name || ref.Namespace != "" && ref.Namespace != c.Namespace) {
		set("VolumeBoundElsewhere", fmt.Sprintf("the volume %s that would do belongs to the claim %s", v.Name, ref.Name))
	} else {
		fits += 2
	}
	if v.Spec.StorageClassName != class {
		set("VolumeClassMismatch", fmt.Sprintf("it asks for the storage class %q, the volume %s is of the class %q", class, v.Name, v.Spec.StorageClassName))
	} else {
		fits++
	}
	if !asked.IsZero() && !has.IsZero() && has.Cmp(asked) < 0 {
		set("VolumeTooSmall", fmt.Sprintf("it asks for %s, the volume %s has %s", asked.String(), v.Name, has.String()))
	} else {
		fits++
	}
	if !modes(v.Spec.AccessModes, c.Spec.AccessModes) {
		set("AccessModeMismatch", fmt.Sprintf("it asks for %v, the volume %s allows %v", c.Spec.AccessModes, v.Name, v.Spec.AccessModes))
	} else {
		fits++
	}
	if c.Spec.Selector != nil && !model.Matches(c.Spec.Selector.MatchLabels, v.Labels) {
		set("VolumeSelectorMismatch", fmt.Sprintf("its selector asks for %s, which the volume %s does not have", labels(c.Spec.Selector.MatchLabels), v.Name))
	} else {
		fits++
	}
	return id, text, fits
}

func modes(has, asked []corev1.PersistentVolumeAccessMode) bool {
	for _, a := range asked {
		if !slices.Contains(has, a) {
			return len(has) == 0
		}
	}
	return true
}

var mountErrors = []struct {
	id   string
	expr *lazyregexp.Regexp
	text string
}{
	{"VolumeAttachedElsewhere", lazyregexp.New(`Multi-Attach error`), "its volume is still attached to another node"},
	{"VolumeAttachFails", lazyregexp.New(`AttachVolume\.Attach failed|timed out waiting for external-attacher`), "its volume cannot be attached to the node"},
	{"MountPathMissing", lazyregexp.New(`hostPath type check failed|path ".*" does not exist|No such file or directory`), "the path or export that it mounts does not exist"},
	{"MountDenied", lazyregexp.New(`(?i)permission denied|access denied by server`), "its volume may not be mounted: permission denied"},
	{"VolumeMountFails", lazyregexp.New(`MountVolume\.\w+ failed|Unable to attach or mount volumes`), "its volume cannot be mounted"},
}

func mounts(m *model.Model, k model.Key, emit func(Fact)) {
	p := m.Pod(k)
	if p == nil {
		return
	}
	for _, e := range m.Events(k) {
		if e.Reason != "FailedMount" && e.Reason != "FailedAttachVolume" || notFound.MatchString(e.Message) || noRefKey.MatchString(e.Message) {
			continue
		}
		for _, r := range mountErrors {
			if !r.expr.MatchString(e.Message) {
				continue
			}
			ready, _ := p.Ready()
			f := Fact{ID: r.id, Object: p.Workload.Key, Still: !ready, Since: e.First, Pods: []model.Key{k}, Strength: 0.85,
				Message: r.text + ": " + clipError(e.Message, 140), Evidence: []Evidence{evidence("event", e.Reason+": "+e.Message, e.Last)}}
			if ready {
				f.Gone, f.Until = "the pod is ready now", e.Last
			}
			emit(f)
			break
		}
	}
}

// noneFits says that the controller found no volume for a claim though some are
// free. A description of a claim without a volume does not show what it asks for.
func noneFits(m *model.Model, c *corev1.PersistentVolumeClaim) bool {
	said := false
	for _, e := range m.Events(model.Key{Kind: model.KindPVC, Namespace: c.Namespace, Name: c.Name}) {
		said = said || e.Reason == "FailedBinding" && strings.Contains(e.Message, "no persistent volumes available")
	}
	return said && slices.ContainsFunc(m.Objects(model.KindPV), func(o *model.Object) bool {
		v, ok := o.Value.(*corev1.PersistentVolume)
		return ok && v.Status.Phase == corev1.VolumeAvailable
	})
}
