package admin

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/stages"
)

// Health of a component.
const (
	HealthStarting = "Starting"
	HealthOK       = "OK"
	HealthFailing  = "Failing"
)

// Component is one part of the daemon, as `bulkhead status` shows it.
type Component struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	// Address is what it listens on; empty if on nothing.
	Address string `json:"address,omitempty"`
	Health  string `json:"health"`
	// Message says why it is not healthy.
	Message string `json:"message,omitempty"`
}

// Node is one node of the cluster.
type Node struct {
	Name    string `json:"name"`
	Address string `json:"address,omitempty"`
	Ready   bool   `json:"ready"`
	// Cordoned says that no pod is scheduled to it.
	Cordoned bool      `json:"cordoned,omitempty"`
	Version  string    `json:"version,omitempty"`
	Created  time.Time `json:"created"`
	// Message says why it is not ready.
	Message string `json:"message,omitempty"`
}

// Resources is what the daemon and its containerd use, and what the node has.
type Resources struct {
	// CPUSeconds is the processor time since the start, of bulkheadd and of
	// containerd with its shims.
	CPUSeconds           float64 `json:"cpuSeconds"`
	ContainerdCPUSeconds float64 `json:"containerdCPUSeconds,omitempty"`
	// ResidentBytes are the resident set sizes of the same.
	ResidentBytes           int64 `json:"residentBytes"`
	ContainerdResidentBytes int64 `json:"containerdResidentBytes,omitempty"`
	// DiskBytes is the size of the data directory's file system that is in use;
	// DiskFreeBytes what is free for us.
	DiskBytes     int64 `json:"diskBytes"`
	DiskFreeBytes int64 `json:"diskFreeBytes"`
}

// Status is the state of one daemon.
type Status struct {
	// Version is Bulkhead's, KubernetesVersion that of what it embeds.
	Version           string `json:"version"`
	KubernetesVersion string `json:"kubernetesVersion"`
	PID               int    `json:"pid"`
	// Ready says that the start is over and a pod can be scheduled.
	Ready     bool      `json:"ready"`
	Started   time.Time `json:"started"`
	Simulated bool      `json:"simulated,omitempty"`
	// Agent says that the server is elsewhere.
	Agent      bool        `json:"agent,omitempty"`
	NodeName   string      `json:"nodeName"`
	NodeIP     string      `json:"nodeIP"`
	Server     string      `json:"server"`
	Kubeconfig string      `json:"kubeconfig"`
	DataDir    string      `json:"dataDir"`
	ClusterDNS string      `json:"clusterDNS"`
	Components []Component `json:"components"`
	// Nodes are those of the whole cluster; nil if they cannot be asked for.
	Nodes     []Node    `json:"nodes,omitempty"`
	Resources Resources `json:"resources"`
	// Diagnosis is nil where it is disabled, or has not started yet.
	Diagnosis *Diagnosis `json:"diagnosis,omitempty"`
}

// Diagnosis is how much is recorded, and what is wrong.
type Diagnosis struct {
	// JournalBytes is the journal's size on disk, Records how many it has.
	JournalBytes int64 `json:"journalBytes"`
	Records      int   `json:"records"`
	// OpenIncidents is how many there are now.
	OpenIncidents int `json:"openIncidents"`
	// Problems are kinds that cannot be watched, and why the journal cannot write.
	Problems []string `json:"problems,omitempty"`
}

// Object names an object of the API.
type Object struct {
	Group     string `json:"group,omitempty"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// WhyRequest asks what failed first.
type WhyRequest struct {
	// Object is what the question is about; nil asks for all.
	Object *Object `json:"object,omitempty"`
	// At asks for a time in the past; zero for now.
	At time.Time `json:"at,omitzero"`
	// Since asks also for incidents that ended after it.
	Since time.Time `json:"since,omitzero"`
}

// WhyReply is the verdict.
type WhyReply struct {
	// Incidents are statuses of bulkhead.dev/v1alpha1 Incidents, worst first.
	Incidents json.RawMessage `json:"incidents"`
	// Now is the time that the verdict is of.
	Now time.Time `json:"now"`
	// LastClosed is when the last incident ended, LastCause its first cause, as in
	// its status; zero if none is recorded.
	LastClosed time.Time       `json:"lastClosed,omitzero"`
	LastCause  json.RawMessage `json:"lastCause,omitempty"`
	// Unknown says that nothing is recorded of the object that was asked about.
	Unknown bool `json:"unknown,omitempty"`
	// Notes say what could not be observed.
	Notes []string `json:"notes,omitempty"`
}

// HistoryRequest asks how an object was.
type HistoryRequest struct {
	Object Object `json:"object"`
	// At asks for its state at a time; zero asks for its changes.
	At time.Time `json:"at,omitzero"`
	// From bounds the changes; zero is all that is kept.
	From time.Time `json:"from,omitzero"`
}

// HistoryReply is the object's state, or its changes.
type HistoryReply struct {
	// State is the object at the time asked for; nil if it was not there then.
	State json.RawMessage `json:"state,omitempty"`
	// Time is since when it was so, or since when it was gone. Zero if nothing is
	// recorded of it.
	Time time.Time `json:"time,omitzero"`
	// Steps are what happened to it, oldest first.
	Steps []HistoryStep `json:"steps,omitempty"`
	// Note says what of the history is missing.
	Note string `json:"note,omitempty"`
}

// HistoryStep is one thing that happened to an object.
type HistoryStep struct {
	Time time.Time `json:"time"`
	// What is one of created, changed, deleted, or a record's type, as event.
	What string `json:"what"`
	// Text says it in one line.
	Text  string        `json:"text,omitempty"`
	Edits []HistoryEdit `json:"edits,omitempty"`
}

// HistoryEdit is a value that changed; Old and New are JSON, empty for none.
type HistoryEdit struct {
	Path string `json:"path"`
	Old  string `json:"old,omitempty"`
	New  string `json:"new,omitempty"`
}

// ExportRequest asks for the journal's records; zero times are open ends.
type ExportRequest struct {
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
}

// Image is one image in containerd's k8s.io namespace.
type Image struct {
	Name   string `json:"name"`
	Digest string `json:"digest"`
	// SizeBytes is the size of its content, compressed as stored.
	SizeBytes int64     `json:"sizeBytes"`
	Created   time.Time `json:"created,omitzero"`
}

// Daemon is what the server answers from. All methods may be called at any
// time after the daemon has its lock, and concurrently.
type Daemon interface {
	Status(ctx context.Context) Status
	// Stages is the tracker of the start.
	Stages() *stages.Tracker
	// ImportImages reads an image archive (docker save or OCI layout, tar, may
	// be compressed) and returns what it held. It waits for containerd.
	ImportImages(ctx context.Context, archive io.Reader) ([]Image, error)
	ListImages(ctx context.Context) ([]Image, error)
	// Stop ends the daemon in order. With keepPods, containers and containerd
	// go on. It returns once the pods have stopped, or with the reason why
	// they could not be, and the process ends soon after.
	Stop(ctx context.Context, keepPods bool) error
	// Why says what failed first.
	Why(ctx context.Context, r WhyRequest) (WhyReply, error)
	// History tells how an object was.
	History(ctx context.Context, r HistoryRequest) (HistoryReply, error)
	// ExportJournal writes records as JSON lines, compressed with zstd.
	ExportJournal(ctx context.Context, w io.Writer, r ExportRequest) error
	// NodePools says what was decided last about node pools.
	NodePools(ctx context.Context, r NodePoolsRequest) (NodePoolsReply, error)
}
