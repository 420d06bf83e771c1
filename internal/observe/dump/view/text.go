package view

import (
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// None tells kubectl's words for no value from values.
func None(s string) bool {
	switch strings.TrimSpace(s) {
	case "", "<none>", "<unset>", "<unknown>", "<nil>", "<invalid>", "<no value>", "n/a":
		return true
	}
	return false
}

// Value is s without kubectl's words for no value.
func Value(s string) string {
	if None(s) {
		return ""
	}
	return strings.TrimSpace(s)
}

// Labels reads a=b,c=d.
func Labels(s string) map[string]string {
	if None(s) {
		return nil
	}
	m := map[string]string{}
	for _, p := range strings.Split(s, ",") {
		if k, v, ok := strings.Cut(strings.TrimSpace(p), "="); ok {
			m[k] = v
		}
	}
	if len(m) == 0 {
		return nil
	}
	return m
}

// Selector reads a label selector in its text form.
func Selector(s string) *metav1.LabelSelector {
	if None(s) {
		return nil
	}
	sel, err := metav1.ParseToLabelSelector(s)
	if err != nil {
		return nil
	}
	return sel
}

// Int reads a number at the start of s.
func Int(s string) (int64, bool) {
	s = strings.TrimSpace(s)
	i := 0
	if strings.HasPrefix(s, "-") {
		i = 1
	}
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	n, err := strconv.ParseInt(s[:i], 10, 64)
	return n, err == nil
}

// Int32 reads a number at the start of s; 0 if there is none.
func Int32(s string) int32 {
	n, ok := Int(s)
	if !ok || n > 1<<31-1 || n < -1<<31 {
		return 0
	}
	return int32(n)
}

// Int32Ptr is nil if s does not start with a number.
func Int32Ptr(s string) *int32 {
	if _, ok := Int(s); !ok {
		return nil
	}
	n := Int32(s)
	return &n
}

// Quantity reads a quantity.
func Quantity(s string) (resource.Quantity, bool) {
	// The library reads a lone sign, kubectl's word for no value, as zero.
	if None(s) || len(s) > 64 || !strings.ContainsAny(s, "0123456789") {
		return resource.Quantity{}, false
	}
	q, err := resource.ParseQuantity(strings.TrimSpace(s))
	return q, err == nil
}

// IntOrString reads 8080, http or 25%.
func IntOrString(s string) intstr.IntOrString { return intstr.Parse(strings.TrimSpace(s)) }

// layouts are the forms of times in kubectl's output.
func layouts() []string {
	return []string{time.RFC1123Z, time.RFC1123, time.RFC3339, "2006-01-02 15:04:05 -0700 MST"}
}

// Time reads an absolute time.
func Time(s string) (metav1.Time, bool) {
	s = strings.TrimSpace(s)
	if len(s) < 20 {
		return metav1.Time{}, false
	}
	for _, l := range layouts() {
		// The year 1 is how kubectl prints a time that is not set.
		if t, err := time.Parse(l, s); err == nil && t.Year() > 1 {
			return metav1.Time{Time: t.UTC()}, true
		}
	}
	return metav1.Time{}, false
}

// AccessModes reads RWO,ROX and [ReadWriteOnce].
func AccessModes(s string) []corev1.PersistentVolumeAccessMode {
	var out []corev1.PersistentVolumeAccessMode
	for _, m := range strings.FieldsFunc(strings.Trim(strings.TrimSpace(s), "[]"), func(r rune) bool { return r == ',' || r == ' ' }) {
		switch m {
		case "RWO":
			m = string(corev1.ReadWriteOnce)
		case "ROX":
			m = string(corev1.ReadOnlyMany)
		case "RWX":
			m = string(corev1.ReadWriteMany)
		case "RWOP":
			m = string(corev1.ReadWriteOncePod)
		}
		if !None(m) {
			out = append(out, corev1.PersistentVolumeAccessMode(m))
		}
	}
	return out
}
