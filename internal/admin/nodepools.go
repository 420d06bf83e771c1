package admin

import "time"

// NodePoolsRequest asks what was decided about node pools.
type NodePoolsRequest struct {
	// Pool asks for one only; empty for all.
	Pool string `json:"pool,omitempty"`
}

// NodePoolsReply is the last decision. At is zero if there is no pool.
type NodePoolsReply struct {
	At     time.Time     `json:"at,omitzero"`
	Pods   []PodVerdict  `json:"pods"`
	Nodes  []NodeVerdict `json:"nodes"`
	Advice []string      `json:"advice,omitempty"`
}

// PodVerdict is why a pod waits.
type PodVerdict struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Owner is its topmost owner, as Deployment shop/web.
	Owner string `json:"owner"`
	// Verdict is one of NodeComes, FitsNow, Held, NoPoolFits, Waits.
	Verdict string   `json:"verdict"`
	Why     []string `json:"why"`
}

// NodeVerdict is how a pool's node is, and why it stays or goes.
type NodeVerdict struct {
	Pool  string `json:"pool"`
	Node  string `json:"node"`
	State string `json:"state"`
	Why   string `json:"why"`
}
