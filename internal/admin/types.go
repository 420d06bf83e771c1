package admin

import (
	"context"
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
	Ready      bool        `json:"ready"`
	Started    time.Time   `json:"started"`
	Simulated  bool        `json:"simulated,omitempty"`
	NodeName   string      `json:"nodeName"`
	NodeIP     string      `json:"nodeIP"`
	Server     string      `json:"server"`
	Kubeconfig string      `json:"kubeconfig"`
	DataDir    string      `json:"dataDir"`
	ClusterDNS string      `json:"clusterDNS"`
	Components []Component `json:"components"`
	Resources  Resources   `json:"resources"`
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
}
