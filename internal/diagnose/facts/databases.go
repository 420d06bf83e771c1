package facts

import (
	"slices"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/logline"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
)

// databasePorts are those that databases and brokers listen on.
var databasePorts = map[int]bool{3306: true, 5432: true, 6379: true, 27017: true, 1433: true, 1521: true, 9042: true, 5672: true, 9092: true, 26257: true, 11211: true}

// databases are the workloads and Services that w calls on ports of databases.
func databases(m *model.Model, w *model.Workload) []model.Key {
	var out []model.Key
	for _, c := range m.Calls(w.Key) {
		if databasePorts[c.Address.Port] || c.Service != nil && hasDatabasePort(c.Service) {
			out = append(out, c.To)
		}
	}
	return out
}

func hasDatabasePort(s *model.Service) bool {
	for _, p := range s.Spec.Ports {
		if databasePorts[int(p.Port)] {
			return true
		}
	}
	return false
}

// databaseFact is a fact of the database that w talks to.
func databaseFact(m *model.Model, w *model.Workload, hit *model.LogHit, f Fact, emit func(Fact)) {
	f.ID, f.Message, f.Strength = "DatabaseReadOnly", "the database takes no writes: it is read-only", 0.92
	if hit.ID == logline.DBTooMany {
		f.ID, f.Message = "TooManyConnections", "the database has as many connections as it may have"
	}
	f.About = []model.Key{w.Key}
	var targets []model.Key
	for _, a := range hit.Addresses {
		for _, to := range m.Resolve(w.Key.Namespace, a.Host).Workloads() {
			targets = append(targets, to.Key)
		}
	}
	if len(targets) == 0 {
		targets = databases(m, w)
	}
	if len(targets) == 0 {
		targets = anyDatabase(m, w)
	}
	if len(targets) == 0 {
		targets = []model.Key{w.Key}
		f.Strength = 0.6
	}
	f.Object = targets[0]
	emit(f)
	if f.Object != w.Key {
		emit(Fact{ID: "CallsFail", Object: w.Key, About: targets[:1], Still: f.Still, Gone: f.Gone, Since: f.Since, Until: f.Until, Strength: 0.8,
			Message: "its database turns it away", Evidence: f.Evidence})
	}
}

// anyDatabase is the only workload of the namespace behind a database's port.
func anyDatabase(m *model.Model, w *model.Workload) []model.Key {
	var out []model.Key
	for _, s := range m.Services() {
		if s.Key.Namespace != w.Key.Namespace || !hasDatabasePort(s) {
			continue
		}
		for _, to := range s.Workloads {
			if !slices.Contains(out, to.Key) {
				out = append(out, to.Key)
			}
		}
	}
	// What was started last changed last.
	slices.SortStableFunc(out, func(a, b model.Key) int { return started(m, b).Compare(started(m, a)) })
	return out
}

// started is when the youngest container of a workload was started.
func started(m *model.Model, k model.Key) time.Time {
	var t time.Time
	if w := m.Workload(k); w != nil {
		for _, p := range w.Pods {
			if at := p.Started(); at.After(t) {
				t = at
			}
		}
	}
	return t
}

// isDatabase says that a workload itself listens on a database's port.
func isDatabase(m *model.Model, w *model.Workload) bool {
	if spec := w.Spec(); spec != nil {
		for i := range spec.Containers {
			for _, p := range spec.Containers[i].Ports {
				if databasePorts[int(p.ContainerPort)] {
					return true
				}
			}
		}
	}
	return slices.ContainsFunc(m.ServicesOf(w), hasDatabasePort)
}
