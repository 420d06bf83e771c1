package dump

import (
	"encoding/json"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// rawAlert has the fields of Alertmanager's API and webhook, and of Prometheus.
type rawAlert struct {
	Labels, Annotations        map[string]any
	StartsAt, EndsAt, ActiveAt *time.Time
	State                      string
	Status                     json.RawMessage
}

// alerts reads an array of alerts, or an object with one in "alerts" or "data".
func (r reader) alerts(f *find, data []byte) {
	var list []json.RawMessage
	if json.Unmarshal(data, &list) != nil {
		var o struct {
			Alerts []json.RawMessage
			Data   json.RawMessage
		}
		if err := json.Unmarshal(data, &o); err != nil {
			f.damaged(0, "reading alerts", err)
			return
		}
		list = o.Alerts
		if len(list) == 0 && len(o.Data) > 0 {
			var d struct{ Alerts []json.RawMessage }
			// Alertmanager's first API had the array itself in "data".
			if json.Unmarshal(o.Data, &d) != nil {
				_ = json.Unmarshal(o.Data, &d.Alerts)
			}
			list = d.Alerts
		}
	}
	for _, raw := range list {
		var a rawAlert
		if err := json.Unmarshal(raw, &a); err != nil {
			f.damaged(0, "reading an alert", err)
			continue
		}
		alert := a.alert()
		f.see(alert.StartsAt)
		f.see(alert.EndsAt)
		f.alerts = append(f.alerts, alert)
	}
}

func (a rawAlert) alert() record.Alert {
	out := record.Alert{Labels: words(a.Labels), Annotations: words(a.Annotations)}
	out.Name = out.Labels["alertname"]
	for _, t := range []*time.Time{a.ActiveAt, a.StartsAt} {
		if t != nil && t.Year() > 1 {
			out.StartsAt = t.UTC()
		}
	}
	// Alertmanager gives a firing alert the time at which it would be forgotten:
	// the end counts only of alerts that are resolved.
	var status string
	if json.Unmarshal(a.Status, &status) == nil && status == "resolved" && a.EndsAt != nil && a.EndsAt.Year() > 1 {
		out.EndsAt = a.EndsAt.UTC()
	}
	return out
}

func words(m map[string]any) map[string]string {
	if len(m) == 0 {
		return nil
	}
	out := make(map[string]string, len(m))
	for k, v := range m {
		if s, ok := v.(string); ok {
			out[k] = s
			continue
		}
		if b, err := json.Marshal(v); err == nil {
			out[k] = string(b)
		}
	}
	return out
}
