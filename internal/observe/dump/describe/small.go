package describe

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/view"
)

// configMap reads the section of data: key, a line of dashes, the text.
func configMap(lines []string, c *corev1.ConfigMap) {
	for i := 2; i < len(lines); i++ {
		l := strings.TrimRight(lines[i], " \r")
		if l == "BinaryData" && i+1 < len(lines) && strings.HasPrefix(lines[i+1], "====") {
			binaryData(lines[i+2:], c)
			return
		}
		key, ok := strings.CutSuffix(l, ":")
		if !ok || i+1 >= len(lines) || strings.TrimRight(lines[i+1], " \r") != "----" {
			continue
		}
		end := dataEnd(lines, i+2)
		if c.Data == nil {
			c.Data = map[string]string{}
		}
		c.Data[key] = strings.TrimRight(strings.Join(lines[i+2:end], "\n"), "\n\r ")
		i = end - 1
	}
}

// dataEnd is the line where the next key or section starts.
func dataEnd(lines []string, at int) int {
	for i := at; i < len(lines); i++ {
		next := ""
		if i+1 < len(lines) {
			next = strings.TrimRight(lines[i+1], " \r")
		}
		l := strings.TrimRight(lines[i], " \r")
		if strings.HasSuffix(l, ":") && next == "----" || l == "BinaryData" && next == "====" {
			return i
		}
	}
	return len(lines)
}

func binaryData(lines []string, c *corev1.ConfigMap) {
	for _, l := range lines {
		if key, size, ok := strings.Cut(l, ": "); ok && strings.HasSuffix(strings.TrimSpace(size), " bytes") {
			if c.BinaryData == nil {
				c.BinaryData = map[string][]byte{}
			}
			c.BinaryData[key] = nil
		}
	}
}

func secret(n *node, lines []string, s *corev1.Secret) {
	s.Type = corev1.SecretType(n.get("Type"))
	for _, l := range lines {
		if key, _, ok := strings.Cut(l, ":"); ok && key != "" && !strings.ContainsAny(key, " \t") {
			if s.Data == nil {
				s.Data = map[string][]byte{}
			}
			s.Data[key] = nil
		}
	}
}

func serviceAccount(n *node, s *corev1.ServiceAccount) {
	for _, name := range n.kid("Image pull secrets").all() {
		if name, _, _ = strings.Cut(strings.TrimSpace(name), " "); !view.None(name) {
			s.ImagePullSecrets = append(s.ImagePullSecrets, corev1.LocalObjectReference{Name: name})
		}
	}
	for _, name := range n.kid("Mountable secrets").all() {
		if name, _, _ = strings.Cut(strings.TrimSpace(name), " "); !view.None(name) {
			s.Secrets = append(s.Secrets, corev1.ObjectReference{Name: name})
		}
	}
}

// tableAt reads a table that stands at the left from a header on.
func tableAt(n *node, header string) []view.Row {
	for i, l := range n.lines {
		if strings.HasPrefix(l, header) {
			return rows(&node{lines: n.lines[i:]})
		}
	}
	return nil
}

func resourceQuota(n *node, q *corev1.ResourceQuota) {
	for _, r := range tableAt(n, "Resource ") {
		name := corev1.ResourceName(r.Raw("Resource"))
		if hard, ok := view.Quantity(r.Raw("Hard")); ok {
			if q.Status.Hard == nil {
				q.Status.Hard, q.Spec.Hard = corev1.ResourceList{}, corev1.ResourceList{}
			}
			q.Status.Hard[name], q.Spec.Hard[name] = hard, hard
		}
		if used, ok := view.Quantity(r.Raw("Used")); ok {
			if q.Status.Used == nil {
				q.Status.Used = corev1.ResourceList{}
			}
			q.Status.Used[name] = used
		}
	}
	for _, s := range split(n.get("Scopes")) {
		q.Spec.Scopes = append(q.Spec.Scopes, corev1.ResourceQuotaScope(s))
	}
}

func limitRange(n *node, o *corev1.LimitRange) {
	byType := map[string]int{}
	for _, r := range tableAt(n, "Type ") {
		i, ok := byType[r.Raw("Type")]
		if !ok {
			i = len(o.Spec.Limits)
			byType[r.Raw("Type")] = i
			o.Spec.Limits = append(o.Spec.Limits, corev1.LimitRangeItem{Type: corev1.LimitType(r.Raw("Type"))})
		}
		item, name := &o.Spec.Limits[i], corev1.ResourceName(r.Raw("Resource"))
		set := func(l *corev1.ResourceList, column string) {
			if q, ok := view.Quantity(r.Raw(column)); ok {
				if *l == nil {
					*l = corev1.ResourceList{}
				}
				(*l)[name] = q
			}
		}
		set(&item.Min, "Min")
		set(&item.Max, "Max")
		set(&item.DefaultRequest, "Default Request")
		set(&item.Default, "Default Limit")
		set(&item.MaxLimitRequestRatio, "Max Limit/Request Ratio")
	}
}

func namespace(n *node, o *corev1.Namespace) {
	o.Status.Phase = corev1.NamespacePhase(n.get("Status"))
	for _, r := range rows(n.kid("Conditions")) {
		c := corev1.NamespaceCondition{Type: corev1.NamespaceConditionType(r.Raw("Type")), Status: corev1.ConditionStatus(r.Raw("Status")),
			Reason: r.Get("Reason"), Message: r.Get("Message")}
		c.LastTransitionTime, _ = view.Time(r.Raw("LastTransitionTime"))
		o.Status.Conditions = append(o.Status.Conditions, c)
	}
}

// generic reads the description of a kind that kubectl has no words for: the
// object's fields, with names split at capitals. It keeps status.conditions.
func generic(n *node, o *unstructured.Unstructured) {
	var conditions []any
	var c map[string]any
	for _, k := range n.kid("Status").kid("Conditions").kids {
		if k.key == "" {
			continue
		}
		name := strings.ReplaceAll(k.key, " ", "")
		name = strings.ToLower(name[:1]) + name[1:]
		// Keys are sorted; one that is there already starts the next condition.
		if _, again := c[name]; again || c == nil {
			c = map[string]any{}
			conditions = append(conditions, c)
		}
		c[name] = k.value
	}
	if conditions != nil {
		o.Object["status"] = map[string]any{"conditions": conditions}
	}
}
