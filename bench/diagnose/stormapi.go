package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/bulkhead-k8s/bulkhead/internal/observe/objects"
)

// stormAPI is the API server of a made cluster, as far as an observer sees it:
// streamed lists and watches in protobuf. It holds no objects: they are made when
// they are asked for.
type stormAPI struct {
	nodes, apps, rate int
	began             time.Time
	encode            *protobuf.Serializer

	storm, crash chan struct{} // closed when they begin
	once         [2]sync.Once
	at           time.Time // of the crash
}

func stormAPICommand() *cobra.Command {
	s := &stormAPI{began: time.Now().Add(began), storm: make(chan struct{}), crash: make(chan struct{})}
	c := &cobra.Command{Use: "storm-api", Hidden: true, Args: cobra.NoArgs}
	c.Flags().IntVar(&s.nodes, "nodes", 0, "")
	c.Flags().IntVar(&s.apps, "apps", 0, "")
	c.Flags().IntVar(&s.rate, "rate", 0, "")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		s.encode = protobuf.NewSerializer(scheme.Scheme, scheme.Scheme)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "http://%s\n", l.Addr())
		go func() { // it ends with who started it
			_, _ = os.Stdin.Read(make([]byte, 1))
			l.Close()
		}()
		_ = http.Serve(l, s)
		return nil
	}
	return c
}

func (s *stormAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	plural := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	switch {
	case plural == "begin-storm":
		s.once[0].Do(func() { close(s.storm) })
	case plural == "begin-crash":
		s.once[1].Do(func() { s.at = time.Now(); close(s.crash) })
		fmt.Fprint(w, s.at.UnixNano())
	case r.URL.Query().Get("watch") != "" && !strings.Contains(r.Header.Get("Accept"), "protobuf"):
		// Kinds that are read as JSON, of which this cluster has none: they are
		// listed by pages.
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Query().Get("sendInitialEvents") == "true" {
			w.WriteHeader(http.StatusUnprocessableEntity)
			_ = json.NewEncoder(w).Encode(metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: "Failure", Reason: metav1.StatusReasonInvalid, Code: http.StatusUnprocessableEntity})
			return
		}
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	case r.URL.Query().Get("watch") != "":
		w.Header().Set("Content-Type", "application/vnd.kubernetes.protobuf;stream=watch")
		out := &stream{w: w, encode: s.encode, flush: http.NewResponseController(w)}
		s.watch(r, out, plural)
	default:
		w.Header().Set("Content-Type", "application/json")
		group := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
		version := group[1]
		if group[0] == "apis" {
			version = group[1] + "/" + group[2]
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"kind": "List", "apiVersion": version, "metadata": map[string]any{"resourceVersion": "7"}, "items": []any{}})
	}
}

// stream is a watch under way.
type stream struct {
	w      http.ResponseWriter
	encode *protobuf.Serializer
	flush  *http.ResponseController
	buf    strings.Builder
}

func (s *stream) send(verb string, o runtime.Object) error {
	s.buf.Reset()
	if err := s.encode.Encode(o, &s.buf); err != nil {
		return err
	}
	event := metav1.WatchEvent{Type: verb, Object: runtime.RawExtension{Raw: []byte(s.buf.String())}}
	frame, err := event.Marshal()
	if err != nil {
		return err
	}
	if _, err := s.w.Write(binary.BigEndian.AppendUint32(nil, uint32(len(frame)))); err != nil {
		return err
	}
	_, err = s.w.Write(frame)
	return err
}

// watch sends what there is, then what happens.
func (s *stormAPI) watch(r *http.Request, out *stream, plural string) {
	if r.URL.Query().Get("sendInitialEvents") == "true" {
		if err := s.initial(out, plural); err != nil {
			return
		}
	}
	_ = out.flush.Flush()
	ctx := r.Context()
	switch plural {
	case "events":
		select {
		case <-s.storm:
		case <-ctx.Done():
			return
		}
		s.send(ctx.Done(), s.rate*9/10, out, s.noise)
	case "pods":
		select {
		case <-s.storm:
		case <-ctx.Done():
			return
		}
		crashed := false
		s.send(ctx.Done(), s.rate/10, out, func(out *stream) error {
			select {
			case <-s.crash:
				if !crashed {
					crashed = true
					return s.crashes(out)
				}
			default:
			}
			a := appOf(rand.IntN(s.apps), s.began)
			if a.n == crashing {
				return nil
			}
			return out.send("MODIFIED", a.pod(rand.IntN(perApp), s.nodes, 0, time.Now()))
		})
	default:
		<-ctx.Done()
	}
}

// send calls f so often a second, until done or f fails.
func (s *stormAPI) send(done <-chan struct{}, rate int, out *stream, f func(*stream) error) {
	const ticks = 20 // a second
	t := time.NewTicker(time.Second / ticks)
	defer t.Stop()
	sent, start := 0, time.Now()
	for {
		select {
		case <-done:
			return
		case <-t.C:
		}
		for due := int(float64(rate) * time.Since(start).Seconds()); sent < due; sent++ {
			if f(out) != nil {
				return
			}
		}
		_ = out.flush.Flush()
	}
}

// noise is an Event of the storm: mostly what is normal, and one in five a probe
// that failed once.
func (s *stormAPI) noise(out *stream) error {
	a := appOf(rand.IntN(s.apps), s.began)
	if a.n == crashing {
		return nil
	}
	now := time.Now()
	e := a.event(rand.IntN(perApp), int32(1+rand.IntN(9)), now)
	e.LastTimestamp = metav1.NewTime(now)
	if rand.IntN(5) == 0 {
		e.Name, e.UID = e.Name+"b", e.UID+"b"
		e.Type, e.Reason, e.Message = corev1.EventTypeWarning, "Unhealthy", "Readiness probe failed: Get \"http://10.1.2.3:8080/ready\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
	}
	return out.send("MODIFIED", e)
}

// crashes lets all pods of one app abort.
func (s *stormAPI) crashes(out *stream) error {
	a := appOf(crashing, s.began)
	for i := range perApp {
		p := a.pod(i, s.nodes, 1, s.at.Add(10*time.Second)) // it ended at the crash's time
		if err := out.send("MODIFIED", p); err != nil {
			return err
		}
	}
	return nil
}

// initial sends the objects that there are, and the mark that these were all.
func (s *stormAPI) initial(out *stream, plural string) error {
	add := func(o runtime.Object) error { return out.send("ADDED", o) }
	var err error
	switch plural {
	case "nodes":
		for i := 0; i < s.nodes && err == nil; i++ {
			err = add(node(i, s.began))
		}
	case "deployments":
		for n := 0; n < s.apps && err == nil; n++ {
			d := appOf(n, s.began).deployment()
			d.Status.ReadyReplicas, d.Status.AvailableReplicas = perApp, perApp // it has not crashed yet
			err = add(d)
		}
	case "services":
		for n := 0; n < s.apps && err == nil; n++ {
			err = add(appOf(n, s.began).service())
		}
	case "pods":
		for i := 0; i < s.apps*perApp && err == nil; i++ {
			err = add(appOf(i/perApp, s.began).pod(i%perApp, s.nodes, 0, s.began))
		}
	}
	if err != nil {
		return err
	}
	for _, k := range objects.Kinds() {
		if k.Plural == plural {
			mark := k.New()
			mark.GetObjectKind().SetGroupVersionKind(k.GroupVersionKind)
			mark.SetResourceVersion("7")
			mark.SetAnnotations(map[string]string{metav1.InitialEventsAnnotationKey: "true"})
			return out.send("BOOKMARK", mark.(runtime.Object))
		}
	}
	return fmt.Errorf("nobody knows %s", plural)
}
