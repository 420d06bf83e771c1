package dump

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sort"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/view"
)

// state is all that a dump shows of one object.
type state struct {
	ref    record.Ref
	full   *fullObject
	views  []*view.View
	source string
}

// rank orders views by how much they show.
func rank(d record.Detail) int {
	switch d {
	case record.Described:
		return 1
	case record.Columns:
		return 2
	}
	return 0
}

// whole is the object in JSON: the whole object if it is there, else the views
// laid over each other, the one that shows most on top.
func (s *state) whole() (json.RawMessage, record.Detail, error) {
	if s.full != nil {
		return s.full.raw, record.Full, nil
	}
	sort.SliceStable(s.views, func(i, j int) bool { return rank(s.views[i].Detail) < rank(s.views[j].Detail) })
	top := s.views[0]
	for _, v := range s.views[1:] {
		a, b := reflect.ValueOf(top.Object), reflect.ValueOf(v.Object)
		if a.Type() == b.Type() {
			underlay(a.Elem(), b.Elem())
		}
	}
	raw, err := json.Marshal(top.Object)
	if err != nil {
		return nil, "", fmt.Errorf("encoding %s: %w", s.ref, err)
	}
	return raw, top.Detail, nil
}

// underlay fills what top does not have from below. Of lists in both, the items
// that have the same name or type are filled; others stay apart.
func underlay(top, below reflect.Value) {
	if below.IsZero() {
		return
	}
	if top.IsZero() {
		top.Set(below)
		return
	}
	switch top.Kind() {
	case reflect.Struct:
		if leaf(top.Type()) {
			return
		}
		for i := range top.NumField() {
			if top.Field(i).CanSet() {
				underlay(top.Field(i), below.Field(i))
			}
		}
	case reflect.Pointer:
		underlay(top.Elem(), below.Elem())
	case reflect.Map:
		for _, k := range below.MapKeys() {
			if !top.MapIndex(k).IsValid() {
				top.SetMapIndex(k, below.MapIndex(k))
			}
		}
	case reflect.Slice:
		if top.Len() == 0 {
			top.Set(below)
			return
		}
		underlayItems(top, below)
	}
}

// leaf are structs that are one value.
func leaf(t reflect.Type) bool {
	switch t {
	case reflect.TypeFor[metav1.Time](), reflect.TypeFor[metav1.MicroTime](), reflect.TypeFor[resource.Quantity](),
		reflect.TypeFor[intstr.IntOrString](), reflect.TypeFor[corev1.ContainerState]():
		return true
	}
	return false
}

func underlayItems(top, below reflect.Value) {
	if top.Type().Elem().Kind() != reflect.Struct {
		return
	}
	for i := range top.Len() {
		for j := range below.Len() {
			if k := itemKey(top.Index(i)); k != "" && k == itemKey(below.Index(j)) {
				underlay(top.Index(i), below.Index(j))
			}
		}
	}
}

// itemKey is what tells the items of a list apart.
func itemKey(v reflect.Value) string {
	for _, name := range []string{"Name", "Type", "Port"} {
		f := v.FieldByName(name)
		if !f.IsValid() || f.IsZero() {
			continue
		}
		switch f.Kind() {
		case reflect.String:
			return f.String()
		case reflect.Int32:
			return strconv.FormatInt(f.Int(), 10)
		}
	}
	return ""
}
