package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/node/cgrouppath"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/node/pods"
)

const (
	// leastDisk and leastInodes are the changes that are told.
	leastDisk   = 64 << 20
	leastInodes = 10000
	// maxEntries is how many directory entries are looked at in one round: some
	// 50 ms of a core. What is left is looked at in the next.
	maxEntries = 20000
)

// disk samples what containers write to their own layer and to their logs, and
// pods to their volumes.
//
// Layers are asked of the runtime, which counts them anyway for the kubelet. A
// volume that is a file system of its own is asked for its figures; one in the
// node's file system has to be walked.
func (n *observer) disk(ctx context.Context, runtime *pods.CRI) error {
	gates := map[string]*diskGates{}
	w := walker{root: n.KubeletRoot}
	return every(ctx, diskPeriod, func(now time.Time) error {
		tell := func(key string, object record.Ref, container string, capacity [2]float64, used [2]float64) {
			g := gates[key]
			if g == nil {
				g = &diskGates{}
				gates[key] = g
			}
			g.seen = now
			// What was never worth a word is not told for its trend either.
			if used[0] >= leastDisk || capacity[0] > 0 || g.bytes.told {
				if g.bytes.usage(now, used[0], capacity[0], leastDisk) {
					n.measured(now, object, &record.Usage{Resource: "disk", Container: container, Used: used[0], Capacity: capacity[0]})
				}
			}
			if used[1] >= leastInodes || capacity[1] > 0 && used[1] >= watch*capacity[1] || g.inodes.told {
				if g.inodes.usage(now, used[1], capacity[1], leastInodes) {
					n.measured(now, object, &record.Usage{Resource: "inodes", Container: container, Used: used[1], Capacity: capacity[1]})
				}
			}
		}
		var errs []error
		if runtime != nil {
			errs = append(errs, n.layers(ctx, runtime, tell))
		}
		errs = append(errs, w.volumes(ctx, func(v volume) {
			owner, ok := n.whose(ctx, cgrouppath.Place{PodUID: v.podUID})
			if ok {
				tell(v.path, owner.Pod, "", v.capacity, v.used)
			}
		}))
		for key, g := range gates {
			if now.Sub(g.seen) > 10*diskPeriod {
				delete(gates, key)
			}
		}
		return errors.Join(errs...)
	})
}

type diskGates struct {
	bytes, inodes gate
	seen          time.Time
}

// layers tells what containers wrote to their layers and logs.
func (n *observer) layers(ctx context.Context, runtime *pods.CRI, tell func(string, record.Ref, string, [2]float64, [2]float64)) error {
	ctx, cancel := context.WithTimeout(ctx, diskPeriod/2)
	defer cancel()
	all, err := runtime.Stats(ctx)
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.WritableLayer == nil || s.WritableLayer.UsedBytes == nil || s.Attributes == nil {
			continue
		}
		c, ok := n.whose(ctx, cgrouppath.Place{ContainerID: s.Attributes.Id})
		if !ok {
			continue
		}
		used := [2]float64{float64(s.WritableLayer.UsedBytes.Value)}
		if s.WritableLayer.InodesUsed != nil {
			used[1] = float64(s.WritableLayer.InodesUsed.Value)
		}
		logs, _ := filepath.Glob(filepath.Join(n.PodLogs, c.Pod.Namespace+"_"+c.Pod.Name+"_"+c.Pod.UID, c.Name, "*")) // the pattern is well formed
		for _, path := range logs {
			if info, err := os.Stat(path); err == nil {
				used[0] += float64(info.Size())
				used[1]++
			}
		}
		tell(c.ID, c.Pod, c.Name, [2]float64{}, used)
	}
	return nil
}

// volume is one volume of a pod: its use in bytes and inodes, and what it may be
// where that is its own.
type volume struct {
	podUID, path   string
	used, capacity [2]float64
}

// walker looks at the volumes below the kubelet's directory.
type walker struct {
	root string
	// next is the pod at which the next round begins.
	next string
}

// volumes gives each volume to f, as far as one round's entries go.
func (w *walker) volumes(ctx context.Context, f func(volume)) error {
	entries, err := os.ReadDir(filepath.Join(w.root, "pods"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at the pods' volumes: %w", err)
	}
	start := 0
	for i, e := range entries {
		if e.Name() == w.next {
			start = i
		}
	}
	device, _ := deviceOf(w.root)
	left := maxEntries
	for i := range entries {
		pod := entries[(start+i)%len(entries)].Name()
		if w.next = pod; left <= 0 || ctx.Err() != nil {
			return nil
		}
		// An emptyDir is the directory itself; others may have their file system
		// there, or in a directory mount below.
		found, _ := filepath.Glob(filepath.Join(w.root, "pods", pod, "volumes", "*", "*")) // the pattern is well formed
		for _, path := range found {
			if v, ok := look(path, device, &left); ok {
				v.podUID = pod
				f(v)
			}
		}
	}
	w.next = ""
	return nil
}

// look looks at one volume; those that the kubelet fills itself do not count.
func look(path string, node uint64, left *int) (volume, bool) {
	v := volume{path: path}
	for _, mount := range []string{path, filepath.Join(path, "mount")} {
		if device, ok := deviceOf(mount); ok && device != node {
			bytes, inodes, err := usageOf(mount)
			v.used, v.capacity = [2]float64{bytes.Used, inodes.Used}, [2]float64{bytes.Capacity, inodes.Capacity}
			return v, err == nil && !strings.Contains(path, "kubernetes.io~projected") && !strings.Contains(path, "kubernetes.io~secret")
		}
	}
	if !strings.Contains(path, "kubernetes.io~empty-dir") {
		return v, false
	}
	err := filepath.WalkDir(path, func(_ string, e fs.DirEntry, err error) error {
		if *left--; *left <= 0 {
			return fs.SkipAll
		}
		if err != nil {
			return nil // removed meanwhile
		}
		v.used[1]++
		if info, err := e.Info(); err == nil {
			v.used[0] += float64(allocated(info))
		}
		return nil
	})
	// One that was cut off is not what it seems.
	return v, err == nil && *left > 0
}
