package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// sysctl is one kernel setting that a node needs.
type sysctl struct {
	// name with slashes, as below /proc/sys.
	name string
	// value to set; with atLeast, what is higher already is left.
	value   int
	atLeast bool
	// needed makes it an error if the setting is there and cannot be made.
	needed bool
	why    string
}

// sysctls are the settings of a node. The kubelet would make those of vm and
// kernel by itself; they are here so that a reset knows what they were.
var sysctls = []sysctl{
	{name: "net/ipv4/ip_forward", value: 1, needed: true, why: "pods reach others through the node"},
	{name: "net/bridge/bridge-nf-call-iptables", value: 1, why: "Services translate addresses between pods of one bridge"},
	{name: "net/bridge/bridge-nf-call-ip6tables", value: 1, why: "the same for IPv6"},
	{name: "fs/inotify/max_user_instances", value: 8192, atLeast: true, why: "128 are used up by one node"},
	{name: "fs/inotify/max_user_watches", value: 524288, atLeast: true, why: "each pod's logs and volumes are watched"},
	{name: "vm/overcommit_memory", value: 1, why: "the kubelet's"},
	{name: "vm/panic_on_oom", value: 0, why: "the kubelet's"},
	{name: "kernel/panic", value: 10, why: "the kubelet's"},
	{name: "kernel/panic_on_oops", value: 1, why: "the kubelet's"},
	{name: "kernel/keys/root_maxkeys", value: 1000000, atLeast: true, why: "the kubelet's: each container has a keyring"},
	{name: "kernel/keys/root_maxbytes", value: 25000000, atLeast: true, why: "the kubelet's, 25 bytes a key"},
}

// ipv6Forwarding is set only for pods with IPv6 addresses: it makes the node
// ignore router advertisements.
var ipv6Forwarding = sysctl{name: "net/ipv6/conf/all/forwarding", value: 1, needed: true, why: "pods reach others through the node"}

// SetSysctls makes the kernel settings that a node needs, and notes in the
// record what they were.
func (r *Record) SetSysctls() error { return r.set("/proc/sys", sysctls) }

// SetIPv6Forwarding does the same for a node whose pods have IPv6 addresses.
func (r *Record) SetIPv6Forwarding() error { return r.set("/proc/sys", []sysctl{ipv6Forwarding}) }

func (r *Record) set(root string, settings []sysctl) error {
	var errs []error
	for _, setting := range settings {
		path := filepath.Join(root, setting.name)
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // this kernel, or this network namespace, does not have it
		}
		present := strings.TrimSpace(string(data))
		number, parseErr := strconv.Atoi(present)
		if err == nil && parseErr == nil && (number == setting.value || setting.atLeast && number > setting.value) {
			continue
		}
		if err == nil {
			err = os.WriteFile(path, []byte(strconv.Itoa(setting.value)), 0)
		}
		if err != nil {
			if setting.needed {
				errs = append(errs, fmt.Errorf("set kernel setting %s to %d (%s): %w", dotted(setting.name), setting.value, setting.why, err))
			}
			continue
		}
		change := Change{Before: present, Set: strconv.Itoa(setting.value)}
		if earlier, ok := r.Sysctls[setting.name]; ok {
			change.Before = earlier.Before
		}
		r.Sysctls[setting.name] = change
	}
	return errors.Join(errs...)
}

// Changed returns the names of the settings that are still as we made them, in
// the form that sysctl(8) shows.
func (r *Record) Changed() []string { return r.changed("/proc/sys") }

func (r *Record) changed(root string) []string {
	var names []string
	for name, change := range r.Sysctls {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err == nil && strings.TrimSpace(string(data)) == change.Set {
			names = append(names, dotted(name))
		}
	}
	slices.Sort(names)
	return names
}

// RestoreSysctls puts back the settings that are still as we made them.
func (r *Record) RestoreSysctls() error { return r.restore("/proc/sys") }

func (r *Record) restore(root string) error {
	var errs []error
	for _, name := range r.changed(root) {
		name = strings.ReplaceAll(name, ".", "/")
		if err := os.WriteFile(filepath.Join(root, name), []byte(r.Sysctls[name].Before), 0); err != nil {
			errs = append(errs, fmt.Errorf("restore kernel setting %s: %w", dotted(name), err))
		}
	}
	return errors.Join(errs...)
}

// OfNetwork returns a record with those kernel settings only that belong to the
// network namespace; the others are the machine's.
func (r *Record) OfNetwork() *Record {
	of := *r
	of.Sysctls = map[string]Change{}
	for name, change := range r.Sysctls {
		if strings.HasPrefix(name, "net/") {
			of.Sysctls[name] = change
		}
	}
	return &of
}

func dotted(name string) string { return strings.ReplaceAll(name, "/", ".") }
