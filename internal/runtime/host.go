package runtime

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-k8s/bulkhead/internal/runtime/host"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime/layout"
)

// forgetLastBoot removes what is void after a reboot: the state of containers
// that no longer run, and the leases of their addresses. containerd would find
// out one by one.
func (r *Runtime) forgetLastBoot() error {
	boot, err := host.BootID()
	if err != nil {
		return err
	}
	last, err := os.ReadFile(r.paths.BootID)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the last boot's id: %w", err)
	}
	if len(last) > 0 && strings.TrimSpace(string(last)) != boot {
		// containerd will find only now that they have ended.
		if err := r.noteStopped(Stopped{Rebooted: true, At: time.Now()}); err != nil {
			return err
		}
		for _, void := range []string{r.paths.State, r.paths.CNIState} {
			if err := os.RemoveAll(void); err != nil {
				return fmt.Errorf("remove what the last boot left: %w", err)
			}
		}
		if err := os.MkdirAll(r.paths.CNIState, 0o700); err != nil {
			return err
		}
	}
	_, err = writeFile(r.paths.BootID, []byte(boot+"\n"), 0o600)
	return err
}

// setUpHost notes what is on the host, and then makes the kernel settings and
// the network that pods need, the latter if their addresses are known.
func (r *Runtime) setUpHost(ctx context.Context) error {
	loadModules(ctx)
	if err := r.setSysctls(ctx); err != nil {
		return err
	}
	podCIDR := r.options.PodCIDR
	if podCIDR == "" {
		podCIDR = lastPodCIDR(filepath.Join(r.paths.CNIConfig, layout.CNIConfigName))
	}
	if podCIDR == "" {
		return nil
	}
	return r.WriteCNIConfig(podCIDR)
}

func (r *Runtime) setSysctls(ctx context.Context) error {
	r.host.Lock()
	defer r.host.Unlock()
	record, err := host.Load(r.paths.HostRecord)
	if err != nil {
		return err
	}
	if record == nil {
		if record, err = host.Observe(ctx); err != nil {
			return err
		}
	}
	return r.changeHost(record, (*host.Record).SetSysctls)
}

// changeHost makes a change and keeps the record of it, also of one that failed
// half way. r.host is held.
func (r *Runtime) changeHost(record *host.Record, change func(*host.Record) error) error {
	changeErr := change(record)
	data, err := record.Encode()
	if err == nil {
		_, err = writeFile(r.paths.HostRecord, data, 0o600)
	}
	return errors.Join(changeErr, err)
}

// loadModules asks for the kernel modules that the settings and the snapshotter
// depend on. Where they are built in, or modules are not to be had, what is
// missing shows where it is used.
func loadModules(ctx context.Context) {
	for module, sign := range map[string]string{
		"br_netfilter": "/proc/sys/net/bridge",
		"overlay":      "/sys/module/overlay",
	} {
		if unix.Access(sign, unix.F_OK) != nil {
			_ = exec.CommandContext(ctx, "modprobe", module).Run()
		}
	}
}
