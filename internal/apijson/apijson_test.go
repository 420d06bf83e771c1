package apijson

import (
	"encoding/json"
	"reflect"
	"testing"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
)

const pod = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"shop","uid":"u","creationTimestamp":"2026-11-24T10:00:00Z",
"labels":{"app":"web"},"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"web-1","uid":"r","controller":true}],
"managedFields":[{"manager":"kubectl","operation":"Update","fieldsV1":{"f:spec":{}}}]},
"spec":{"terminationGracePeriodSeconds":30,"containers":[{"name":"app","image":"web:1","resources":{"limits":{"cpu":"1500m","memory":"1Gi"}},
"ports":[{"containerPort":80}],"livenessProbe":{"httpGet":{"path":"/","port":"http"}},"env":[{"name":"A","value":"\u00e9\ud83d\ude00"}]}],"nodeName":"n1"},
"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True","lastTransitionTime":null}],
"containerStatuses":[{"name":"app","ready":true,"restartCount":2,"state":{"running":{"startedAt":"2026-11-24T10:00:01Z"}},"lastState":{"terminated":{"exitCode":1}}}]}}`

const event = `{"apiVersion":"events.k8s.io/v1","kind":"Event","metadata":{"name":"e","namespace":"shop"},"eventTime":"2026-11-24T10:00:00.123456Z",
"series":{"count":4,"lastObservedTime":"2026-11-24T10:01:00.000001Z"},"regarding":{"kind":"Pod","name":"web"},"note":"a\tb"}`

// What encoding/json makes of an object, and of one with a member twice or a damaged
// letter, this makes of it.
func TestAsEncodingJSON(t *testing.T) {
	for name, c := range map[string]struct {
		data string
		make func() any
	}{
		"pod":            {pod, func() any { return new(corev1.Pod) }},
		"event":          {event, func() any { return new(eventsv1.Event) }},
		"twice":          {`{"metadata":{"name":"a","name":"b"}}`, func() any { return new(corev1.Pod) }},
		"no UTF-8":       {"{\"metadata\":{\"name\":\"a\xff\"}}", func() any { return new(corev1.Pod) }},
		"null":           {`{"spec":{"containers":null},"status":null}`, func() any { return new(corev1.Pod) }},
		"unknown fields": {`{"spec":{"later":{"a":[1,2]}}}`, func() any { return new(corev1.Pod) }},
	} {
		want, got := c.make(), c.make()
		if err := json.Unmarshal([]byte(c.data), want); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := Unmarshal([]byte(c.data), got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, want)
		}
	}
	for _, data := range []string{`{"spec":`, `{"spec":[]}`, `{"metadata":{"creationTimestamp":"yesterday"}}`, `{} {}`} {
		if Unmarshal([]byte(data), new(corev1.Pod)) == nil {
			t.Errorf("%s is no error", data)
		}
	}
}

func BenchmarkUnmarshal(b *testing.B) {
	for name, f := range map[string]func([]byte, any) error{"apijson": Unmarshal, "encoding/json": json.Unmarshal} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := f([]byte(pod), new(corev1.Pod)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
