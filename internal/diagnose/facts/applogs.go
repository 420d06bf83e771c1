package facts

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/logline"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
)

// applogs finds what applications say of their own failures.
func applogs(m *model.Model, emit func(Fact)) {
	unreached := unreachable(m)
	for _, w := range m.Workloads() {
		h := healthOf(w)
		for _, l := range m.LogsOf(w) {
			for _, hit := range l.Hits {
				applog(m, w, h, hit, func(f Fact) { emit(alone(f, unreached)) })
			}
		}
	}
}

// unreachable are the objects that some cannot reach or find, with who says so.
func unreachable(m *model.Model) map[model.Key]map[model.Key]bool {
	out := map[model.Key]map[model.Key]bool{}
	for _, w := range m.Workloads() {
		h := healthOf(w)
		for _, l := range m.LogsOf(w) {
			for _, hit := range l.Hits {
				applog(m, w, h, hit, func(f Fact) {
					if f.ID != "DatabaseUnreachable" && f.ID != "NameNotResolved" || !f.Still {
						return
					}
					for _, k := range f.About {
						if out[k] == nil {
							out[k] = map[model.Key]bool{}
						}
						out[k][w.Key] = true
					}
				})
			}
		}
	}
	return out
}

// alone marks a workload that is the only one to miss what others find: then it is
// not the other that fails, but its own address, credentials, DNS settings or way.
func alone(f Fact, unreached map[model.Key]map[model.Key]bool) Fact {
	if f.ID != "DatabaseUnreachable" && f.ID != "NameNotResolved" || !f.Still {
		return f
	}
	if len(f.About) == 0 {
		return f
	}
	for _, k := range f.About {
		if len(unreached[k]) > 1 {
			return f
		}
	}
	f.Strength = max(f.Strength, 0.85)
	f.Message += "; no other has that trouble, so its own address, DNS settings or way there is wrong"
	return f
}

// own are the patterns that tell of the workload itself.
var own = map[logline.ID]struct {
	id, text string
	strength float64
}{
	logline.DBAccessDenied:     {"CredentialsRejected", "its database rejects the user or password that it is given", 0.93},
	logline.DBUnknown:          {"DatabaseMissing", "the database that it asks for does not exist", 0.85},
	logline.AddressInUse:       {"PortConflict", "another process of its pod already has the port that it wants to listen on", 0.93},
	logline.OutOfMemory:        {"AppOutOfMemory", "the app ran out of memory", 0.85},
	logline.StackOverflow:      {"AppError", "the app calls itself without end (stack overflow)", 0.7},
	logline.Fatal:              {"AppError", "the app ends with an error", 0.5},
	logline.NoSpace:            {"VolumeFull", "the disk or volume that it writes to is full", 0.9},
	logline.TooManyFiles:       {"TooManyFiles", "it has as many files and connections open as it may have", 0.8},
	logline.ReadOnlyFiles:      {"ReadOnlyFiles", "it writes to a file system that is read-only", 0.8},
	logline.SettingMissing:     {"SettingMissing", "a setting that it needs is missing", 0.75},
	logline.CertificateExpired: {"CertificateExpired", "a certificate has expired", 0.9},
	logline.CertificateUnknown: {"CertificateNotTrusted", "a certificate is not trusted", 0.75},
	logline.LeaseLost:          {"LeaseLost", "it could not renew its lease at the API server in time, and gave up its work", 0.9},
	logline.Forbidden:          {"RBACDenied", "its ServiceAccount may not do what it asks the API server for", 0.8},
	logline.ClockSkew:          {"ClockSkew", "clocks differ: what one machine signs another does not accept", 0.75},
	logline.ExecFormat:         {"ImageArchMismatch", "its program is built for another processor architecture", 0.9},
	logline.Unauthorized:       {"Unauthorized", "its requests are not accepted: credentials or tokens are wrong", 0.4},
}

// toward are the patterns that tell of another that it calls.
var toward = map[logline.ID]string{
	logline.NameResolution:    "cannot find the address of",
	logline.NameServerSilent:  "gets no answer from DNS about",
	logline.ConnectionRefused: "is refused by",
	logline.ConnectionTimeout: "gets no answer in time from",
	logline.ConnectionReset:   "is cut off by",
	logline.NoRoute:           "finds no way to",
	logline.Unavailable:       "cannot reach",
	logline.UpstreamError:     "gets errors from",
	logline.TooManyRequests:   "is turned away by",
	logline.TLSMismatch:       "speaks another protocol than",
	logline.DBUnreachable:     "cannot reach its database",
}

func applog(m *model.Model, w *model.Workload, h health, hit *model.LogHit, emit func(Fact)) {
	ev := evidence("log", fmt.Sprintf("%s (%s): %s", w.Key.Name, times(hit.Count), hit.Sample), hit.First)
	f := Fact{Object: w.Key, Still: hit.Late() && (!hit.Previous || !h.fine() || h.restarts > 0), Since: hit.First, Evidence: []Evidence{ev}, Size: float64(hit.Count)}
	if f.Still && h.fine() && !hit.Last.IsZero() && m.Now.Sub(hit.Last) > 15*time.Minute {
		f.Still = false
	}
	if f.Still && hit.Previous && h.fine() && !endedOfLate(m, w) {
		f.Still = false
	}
	if !f.Still {
		f.Gone, f.Until = "the log goes on without it", hit.Last
	}
	if hit.ID == logline.DBAccessDenied && isDatabase(m, w) {
		return // a server's log: it turned some client away
	}
	if s, ok := systemLogs[hit.ID]; ok {
		f.ID, f.Message, f.Strength = s.id, s.text, 0.85
		if strings.HasPrefix(s.id, "Etcd") {
			f.Object = model.Key{Kind: "Component", Name: "etcd"}
		}
		emit(f)
		return
	}
	if o, ok := own[hit.ID]; ok {
		f.ID, f.Message, f.Strength = o.id, o.text, o.strength
		if hit.Target != "" && hit.ID != logline.Fatal {
			f.Message += " (" + hit.Target + ")"
		}
		emit(f)
		return
	}
	switch hit.ID {
	case logline.DBTooMany, logline.DBReadOnly:
		databaseFact(m, w, hit, f, emit)
	case logline.PermissionDenied:
		f.ID, f.Message, f.Strength = "PermissionDenied", "it may not use "+hit.Target, 0.6
		if v := volumeAt(w, hit.Target); v != "" {
			f.ID, f.Strength = "VolumePermissionDenied", 0.93
			f.Message = "it may not write to its volume " + v + " at " + hit.Target
		}
		emit(f)
	default:
		if verb, ok := toward[hit.ID]; ok {
			callFact(m, w, hit, verb, f, emit)
			retries(m, w, hit, f, emit)
		}
	}
}

// retries tells that a workload calls again what does not answer, by its name: each
// time it asks DNS for it, which the fact names.
func retries(m *model.Model, w *model.Workload, hit *model.LogHit, f Fact, emit func(Fact)) {
	if hit.Retries == 0 || hit.Retried.IsZero() || hit.ID == logline.NameServerSilent || hit.ID == logline.NameResolution {
		return
	}
	if !slices.ContainsFunc(hit.Addresses, func(a logline.Address) bool { _, err := netip.ParseAddr(a.Host); return err != nil }) {
		return
	}
	f.ID, f.Since, f.Strength = "Retries", hit.Retried, 0.7
	f.Message = "it calls again and again what does not answer"
	for _, o := range m.Workloads() {
		if servesDNS(o) && o != w {
			f.About = append(f.About, o.Key)
		}
	}
	emit(f)
}

// endedOfLate says that a container of the workload ended in the last minutes.
func endedOfLate(m *model.Model, w *model.Workload) bool {
	for _, p := range w.Pods {
		for _, c := range p.Status.ContainerStatuses {
			t := c.LastTerminationState.Terminated
			if t == nil || m.Now.Sub(t.FinishedAt.Time) >= 5*time.Minute {
				continue
			}
			// What ended in its first minutes only, and has run since, waited for
			// others that were started with it.
			if ago := m.Now.Sub(t.FinishedAt.Time); c.Ready && ago > grace && t.FinishedAt.Sub(p.Since()) < 5*time.Minute {
				continue
			}
			return true
		}
	}
	return false
}

// volumeAt is the volume that a path lies in.
func volumeAt(w *model.Workload, path string) string {
	spec := w.Spec()
	if spec == nil || path == "" {
		return ""
	}
	for i := range spec.Containers {
		for _, v := range spec.Containers[i].VolumeMounts {
			if strings.HasPrefix(path, v.MountPath) && !strings.HasPrefix(v.MountPath, "/var/run/secrets") {
				return v.Name
			}
		}
	}
	return ""
}

// callFact tells that calls of w to another fail. The other is a Service, known
// or missing, or a pod; where the line names none, only w is known.
func callFact(m *model.Model, w *model.Workload, hit *model.LogHit, verb string, f Fact, emit func(Fact)) {
	f.ID, f.Strength = "CallsFail", 0.8
	hosts := hit.Addresses
	if hit.ID == logline.NameServerSilent {
		f.ID, f.Strength = "NameNotResolved", 0.7
		f.Message = "the cluster's DNS does not answer it in time (it asked for " + hit.Target + ")"
		emit(f)
		return
	}
	if hit.ID == logline.NameResolution && hit.Target != "" {
		f.ID = "NameNotResolved"
		hosts = []logline.Address{{Host: strings.ToLower(hit.Target)}}
	}
	if hit.ID == logline.Unavailable && hit.Target != "" {
		hosts = append(hosts, logline.Address{Host: strings.ToLower(hit.Target)})
	}
	for _, a := range hosts {
		e := m.Resolve(w.Key.Namespace, a.Host)
		switch {
		case e.Service != nil:
			if f.ID == "NameNotResolved" && e.Service.Spec.ClusterIP == "None" && nobody(e.Service) {
				f.ID = "CallsFail" // a headless Service has the addresses of its ready pods only
			}
			f.About = append(f.About, e.Service.Key)
			for _, to := range e.Service.Workloads {
				if to != w {
					f.About = append(f.About, to.Key)
				}
			}
		case e.Pod != nil && e.Pod.Workload != w:
			f.About = append(f.About, e.Pod.Workload.Key)
		case e.Name.Name != "" && hit.ID == logline.NameResolution:
			f.About = append(f.About, e.Name)
		default:
			continue
		}
		f.Message = fmt.Sprintf("it %s %s", verb, a)
		if e.Service != nil && a.Port != 0 && e.Service.Spec.ClusterIP != "None" && len(e.Service.Spec.Ports) > 0 && e.Service.Port(a.Port) == nil {
			wrong := f
			wrong.ID, wrong.Strength = "AddressWrongPort", 0.93
			wrong.Message = fmt.Sprintf("it calls %s, but the Service has no such port", a)
			emit(wrong)
		}
		break
	}
	if len(f.About) == 0 {
		if a := outside(m, w, hosts); a != "" {
			f.ID, f.Strength = "ExternalUnreachable", 0.75
			f.Message = fmt.Sprintf("it %s %s, which is outside of the cluster", verb, a)
			f.About = []model.Key{{Kind: "Host", Name: a}}
			emit(f)
			return
		}
	}
	if hit.ID == logline.DBUnreachable {
		f.ID = "DatabaseUnreachable"
		if len(f.About) == 0 {
			f.About = databases(m, w)
		}
	}
	if f.Message == "" {
		f.Message = "it " + verb + " something that it calls"
		if hit.ID == logline.DBUnreachable {
			f.Message = "it cannot reach its database"
		}
		f.Strength = 0.5
	}
	emit(f)
}

// nobody says that no pod behind a Service is ready.
func nobody(s *model.Service) bool {
	for _, w := range s.Workloads {
		if healthOf(w).ready > 0 {
			return false
		}
	}
	return true
}

// troubled says that something that a workload calls fails, by its log or by the
// state of what it calls.
func troubled(m *model.Model, w *model.Workload) bool {
	for _, l := range m.LogsOf(w) {
		for _, h := range l.Hits {
			if _, calls := toward[h.ID]; calls && h.Late() {
				return true
			}
		}
	}
	return slices.ContainsFunc(m.Calls(w.Key), func(c *model.Call) bool {
		to := m.Workload(c.To)
		return c.Service != nil && nobody(c.Service) || to != nil && !healthOf(to).fine()
	})
}

// outside is the first of the addresses that is a name of the outer world.
func outside(m *model.Model, w *model.Workload, all []logline.Address) string {
	for _, a := range all {
		host := a.Host
		if ip, err := netip.ParseAddr(host); err == nil {
			if e := m.Resolve(w.Key.Namespace, host); e.Service == nil && e.Pod == nil && public(ip) {
				return a.String()
			}
			continue
		}
		if !strings.Contains(host, ".") || strings.Contains(host, ".svc") || strings.HasSuffix(host, ".local") {
			continue
		}
		if _, ns, _ := strings.Cut(host, "."); m.Get(model.Key{Kind: model.KindNamespace, Name: ns}) != nil {
			continue
		}
		if e := m.Resolve(w.Key.Namespace, host); e.Service == nil && strings.ContainsAny(host[strings.LastIndexByte(host, '.')+1:], "abcdefghijklmnopqrstuvwxyz") {
			return a.String()
		}
	}
	return ""
}

// public says that an address is of the outer world: clusters have private ones.
func public(ip netip.Addr) bool {
	return ip.IsGlobalUnicast() && !ip.IsPrivate() && !shared.Contains(ip)
}

// shared is the address space of carriers (RFC 6598), which some clusters use, too.
var shared = netip.MustParsePrefix("100.64.0.0/10")
