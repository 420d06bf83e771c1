package record

import (
	"encoding/json"
	"time"
)

// Type is the kind of a payload; it is kept on disk and in exports.
type Type string

// Payload is what was seen: one of the types of this file.
type Payload interface{ Type() Type }

// Detail is how much of an object its state shows. What a state does not show is
// unknown, not empty.
type Detail string

const (
	// Full is the whole object as the API gives it.
	Full Detail = "full"
	// Described is what `kubectl describe` prints.
	Described Detail = "described"
	// Columns is what a table of `kubectl get` prints.
	Columns Detail = "columns"
)

// State is an object at a time. Exactly one of Whole, Patch and Deleted is set.
type State struct {
	// Whole is the object as JSON, with apiVersion and kind. Secrets have their
	// keys, never their values.
	Whole json.RawMessage `json:"whole,omitempty"`
	// Patch is a JSON merge patch (RFC 7396) from the state before.
	Patch json.RawMessage `json:"patch,omitempty"`
	// Deleted says that the object was removed.
	Deleted bool `json:"deleted,omitempty"`
	// Detail is how much Whole shows; empty is Full.
	Detail Detail `json:"detail,omitempty"`
}

// Listing says that all objects of a kind in a namespace (or in all, if it is
// empty) have been recorded with this source at this time: what is not among
// them is not there. The kind is that of the record's Object, which has no name.
type Listing struct {
	Count int `json:"count"`
	// Selector is set if only objects with these labels were listed.
	Selector string `json:"selector,omitempty"`
}

// Absence says that the record's Object was asked for and is not there.
type Absence struct {
	Message string `json:"message,omitempty"`
}

// Event is an Event of the API about the record's Object.
type Event struct {
	// Kind is Normal or Warning.
	Kind      string    `json:"kind"`
	Reason    string    `json:"reason"`
	Message   string    `json:"message"`
	Component string    `json:"component,omitempty"`
	Count     int       `json:"count,omitempty"`
	First     time.Time `json:"first,omitzero"`
	Last      time.Time `json:"last,omitzero"`
	// FieldPath is the part of the object, as spec.containers{web}.
	FieldPath string `json:"fieldPath,omitempty"`
}

// Log is consecutive lines of a container's log.
type Log struct {
	Container string `json:"container,omitempty"`
	// Previous says that they are of the container's instance before this one.
	Previous bool     `json:"previous,omitempty"`
	Lines    []string `json:"lines"`
}

// Alert is an alert of a monitoring system, with Alertmanager's fields.
type Alert struct {
	Name        string            `json:"name"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	StartsAt    time.Time         `json:"startsAt,omitzero"`
	// EndsAt is zero while it fires.
	EndsAt time.Time `json:"endsAt,omitzero"`
}

// Audit is a request to the API server from its audit log.
type Audit struct {
	Verb    string        `json:"verb"`
	User    string        `json:"user,omitempty"`
	URI     string        `json:"uri,omitempty"`
	Code    int           `json:"code,omitempty"`
	Message string        `json:"message,omitempty"`
	Latency time.Duration `json:"latency,omitempty"`
	// Patch is what the request changed, where the log has it.
	Patch json.RawMessage `json:"patch,omitempty"`
}

// Exit is the end of a container's process.
type Exit struct {
	Container string `json:"container,omitempty"`
	// Code is the exit status, where the process ended by itself.
	Code int `json:"code"`
	// Signal is that which ended it, else 0.
	Signal int `json:"signal,omitempty"`
	// Reason is the runtime's word, as OOMKilled or Error.
	Reason     string    `json:"reason,omitempty"`
	Message    string    `json:"message,omitempty"`
	Started    time.Time `json:"started,omitzero"`
	PID        int       `json:"pid,omitempty"`
	Executable string    `json:"executable,omitempty"`
}

// OOMKill is the kernel's choice of a process to end for want of memory.
type OOMKill struct {
	Container  string `json:"container,omitempty"`
	Executable string `json:"executable,omitempty"`
	PID        int    `json:"pid,omitempty"`
	// Cgroup is whose limit was reached; empty if the whole machine's memory was.
	Cgroup string `json:"cgroup,omitempty"`
	// LimitBytes is that limit, where it is known.
	LimitBytes int64 `json:"limitBytes,omitempty"`
}

// CoreDump is a core that the kernel handed over, reduced to what tells why.
type CoreDump struct {
	Container  string `json:"container,omitempty"`
	Signal     int    `json:"signal"`
	PID        int    `json:"pid"`
	Executable string `json:"executable,omitempty"`
	// Bytes is the core's size, as far as it was read.
	Bytes int64 `json:"bytes,omitempty"`
	// Kept is the file that it was kept in; empty if it was dropped.
	Kept    string   `json:"kept,omitempty"`
	Dropped string   `json:"dropped,omitempty"` // why it was not kept
	Threads int      `json:"threads,omitempty"`
	Stack   []string `json:"stack,omitempty"` // of the thread that got the signal, innermost first
	Log     []string `json:"log,omitempty"`   // the container's last lines
	// Others is how many more of this container's there were since the record
	// before, which were not looked at.
	Others int `json:"others,omitempty"`
}

// Stop is an end of all containers of a node that was not their own: each one that
// began before the record's Time and ended at or after it was ended by that.
type Stop struct {
	Reason string `json:"reason"` // one of the constants below
	// Until is when the node ran again.
	Until time.Time `json:"until,omitzero"`
}

// Why a node's containers ended.
const (
	StopAsked    = "stopped"  // somebody stopped the node with its pods
	StopRebooted = "rebooted" // the machine was started anew
)

// Usage is how much of something limited is used: disk, inodes, memory,
// processor time, processes, connections.
type Usage struct {
	// Resource is one of disk, inodes, memory, cpu, pids, conntrack.
	Resource  string  `json:"resource"`
	Container string  `json:"container,omitempty"`
	Used      float64 `json:"used"`
	// Capacity is the limit; 0 if there is none.
	Capacity float64 `json:"capacity,omitempty"`
}

// Pressure is the share of time in which work waited (PSI), in percent over the
// last 10 and 60 seconds.
type Pressure struct {
	Resource  string  `json:"resource"` // cpu, memory or io
	Container string  `json:"container,omitempty"`
	Some10    float64 `json:"some10"`
	Some60    float64 `json:"some60"`
	Full10    float64 `json:"full10"`
	Full60    float64 `json:"full60"`
}

// Throttling is how a container's processor quota held it back in a period.
type Throttling struct {
	Container string `json:"container,omitempty"`
	// Periods is how many of the scheduler's periods passed, Throttled in how
	// many of them the container had to wait, for Waited altogether.
	Periods   int64         `json:"periods"`
	Throttled int64         `json:"throttled"`
	Waited    time.Duration `json:"waited"`
}

// Network is what a node's network lost in a period.
type Network struct {
	Dropped int64  `json:"dropped"`
	Reason  string `json:"reason,omitempty"` // the kernel's drop reason or table
}

// Pull is an attempt to pull an image.
type Pull struct {
	Image string        `json:"image"`
	Error string        `json:"error,omitempty"`
	Took  time.Duration `json:"took,omitempty"`
}

// Probe is the result of a kubelet's probe.
type Probe struct {
	Container string        `json:"container,omitempty"`
	Kind      string        `json:"kind"` // startup, readiness or liveness
	OK        bool          `json:"ok"`
	Took      time.Duration `json:"took,omitempty"`
	Message   string        `json:"message,omitempty"`
}

// Component is trouble of a part of the system itself: etcd, the API server, a
// kubelet, a container runtime.
type Component struct {
	Name string `json:"name"` // etcd, kube-apiserver, kubelet, containerd, …
	// Problem is one of slow, overloaded, quota, no-quorum, down, error.
	Problem string  `json:"problem"`
	Message string  `json:"message,omitempty"`
	Value   float64 `json:"value,omitempty"`
	// Unit is that of Value, as seconds, bytes, requests.
	Unit string `json:"unit,omitempty"`
}

// Action is what Bulkhead did about the record's Object by itself, or, in a mode
// other than Act, what it would have done.
type Action struct {
	// By is what acted, as containment.
	By string `json:"by"`
	// Verb is what was done, as hold, end, change, undo; to which of its actions
	// that belongs is in Action, as ScaleUp.
	Verb   string `json:"verb"`
	Action string `json:"action,omitempty"`
	Mode   string `json:"mode,omitempty"`
	// Reason is a CamelCase name, Message a sentence.
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
	// Brake names the Brake, and Until says when it ends.
	Brake string    `json:"brake,omitempty"`
	Until time.Time `json:"until,omitzero"`
}

// Summary stands for records that were not kept one by one: Count of the type Of
// about the record's Object, between First and Last. Sample is one of them.
type Summary struct {
	Of     Type      `json:"of"`
	Count  int       `json:"count"`
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
	Sample Payload   `json:"-"`
}

// The types, as on disk.
const (
	TypeState      Type = "state"
	TypeListing    Type = "listing"
	TypeAbsence    Type = "absence"
	TypeEvent      Type = "event"
	TypeLog        Type = "log"
	TypeAlert      Type = "alert"
	TypeAudit      Type = "audit"
	TypeExit       Type = "exit"
	TypeOOMKill    Type = "oomkill"
	TypeCoreDump   Type = "coredump"
	TypeStop       Type = "stop"
	TypeUsage      Type = "usage"
	TypePressure   Type = "pressure"
	TypeThrottling Type = "throttling"
	TypeNetwork    Type = "network"
	TypePull       Type = "pull"
	TypeProbe      Type = "probe"
	TypeComponent  Type = "component"
	TypeAction     Type = "action"
	TypeSummary    Type = "summary"
)

func (*State) Type() Type      { return TypeState }
func (*Listing) Type() Type    { return TypeListing }
func (*Absence) Type() Type    { return TypeAbsence }
func (*Event) Type() Type      { return TypeEvent }
func (*Log) Type() Type        { return TypeLog }
func (*Alert) Type() Type      { return TypeAlert }
func (*Audit) Type() Type      { return TypeAudit }
func (*Exit) Type() Type       { return TypeExit }
func (*OOMKill) Type() Type    { return TypeOOMKill }
func (*CoreDump) Type() Type   { return TypeCoreDump }
func (*Stop) Type() Type       { return TypeStop }
func (*Usage) Type() Type      { return TypeUsage }
func (*Pressure) Type() Type   { return TypePressure }
func (*Throttling) Type() Type { return TypeThrottling }
func (*Network) Type() Type    { return TypeNetwork }
func (*Pull) Type() Type       { return TypePull }
func (*Probe) Type() Type      { return TypeProbe }
func (*Component) Type() Type  { return TypeComponent }
func (*Action) Type() Type     { return TypeAction }
func (*Summary) Type() Type    { return TypeSummary }

// New is an empty payload of a type, or nil for a type that is not known.
func New(t Type) Payload {
	switch t {
	case TypeState:
		return new(State)
	case TypeListing:
		return new(Listing)
	case TypeAbsence:
		return new(Absence)
	case TypeEvent:
		return new(Event)
	case TypeLog:
		return new(Log)
	case TypeAlert:
		return new(Alert)
	case TypeAudit:
		return new(Audit)
	case TypeExit:
		return new(Exit)
	case TypeOOMKill:
		return new(OOMKill)
	case TypeCoreDump:
		return new(CoreDump)
	case TypeStop:
		return new(Stop)
	case TypeUsage:
		return new(Usage)
	case TypePressure:
		return new(Pressure)
	case TypeThrottling:
		return new(Throttling)
	case TypeNetwork:
		return new(Network)
	case TypePull:
		return new(Pull)
	case TypeProbe:
		return new(Probe)
	case TypeComponent:
		return new(Component)
	case TypeAction:
		return new(Action)
	case TypeSummary:
		return new(Summary)
	}
	return nil
}
