package netfilter

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
)

// Table is an nftables table, as "ip kube-proxy".
type Table struct{ Family, Name string }

func (t Table) String() string { return t.Family + " " + t.Name }

// Table names that we, or Kubernetes in us, may make.
const (
	// OwnTable has the masquerading of pods' traffic.
	OwnTable = "bulkhead"
	// nodesTable has that of local nodes' traffic.
	nodesTable = "bulkhead-nodes"
	// kubeProxyTable is kube-proxy's in each family, hostPortTable portmap's.
	kubeProxyTable = "kube-proxy"
	hostPortTable  = "cni_hostport"
)

// ours are the tables that belong to a node of ours, if they were not there
// before it.
func (t Table) ours() bool {
	return slices.Contains([]string{OwnTable, nodesTable, kubeProxyTable, hostPortTable}, t.Name) &&
		slices.Contains([]string{"ip", "ip6", "inet"}, t.Family)
}

// iptablesTables are what iptables makes when it works through nftables.
var iptablesTables = []string{"filter", "nat", "mangle"}

// Tables returns the nftables tables of this network namespace, none where nft
// is not installed.
func Tables(ctx context.Context) ([]Table, error) {
	output, err := run(ctx, nil, "nft", "-j", "list", "tables")
	if errors.Is(err, exec.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseTables(output)
}

// ruleset is what `nft -j list …` prints, as far as it matters here.
type ruleset struct {
	Nftables []struct {
		Table *struct{ Family, Name string }
		Chain *struct{ Name, Hook string }
		Rule  *struct{ Chain string }
		Set   *struct{ Name string }
		Map   *struct{ Name string }
	}
}

func parseTables(output []byte) ([]Table, error) {
	var listed ruleset
	if err := json.Unmarshal(output, &listed); err != nil {
		return nil, fmt.Errorf("read what nft lists: %w", err)
	}
	var tables []Table
	for _, item := range listed.Nftables {
		if item.Table != nil {
			tables = append(tables, Table{item.Table.Family, item.Table.Name})
		}
	}
	return tables, nil
}

// onlyHooks says whether a listed table holds nothing but empty chains of
// hooks, which is what iptables leaves behind.
func onlyHooks(output []byte) (bool, error) {
	var listed ruleset
	if err := json.Unmarshal(output, &listed); err != nil {
		return false, fmt.Errorf("read what nft lists: %w", err)
	}
	for _, item := range listed.Nftables {
		if item.Rule != nil || item.Set != nil || item.Map != nil || item.Chain != nil && item.Chain.Hook == "" {
			return false, nil
		}
	}
	return true, nil
}

// OurTables returns those of present that are ours, given what was there before
// us.
func OurTables(present, before []Table) []Table {
	var found []Table
	for _, table := range present {
		if table.ours() && !slices.Contains(before, table) {
			found = append(found, table)
		}
	}
	return found
}

// RemoveTables removes tables.
func RemoveTables(ctx context.Context, tables []Table) error {
	var errs []error
	for _, table := range tables {
		if _, err := run(ctx, nil, "nft", "delete", "table", table.Family, table.Name); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// RemoveEmptyIptables removes the tables that iptables made, was not there
// before, and that hold no rule and no chain of anybody's any more.
func RemoveEmptyIptables(ctx context.Context, before []Table) error {
	present, err := Tables(ctx)
	if err != nil {
		return err
	}
	var empty []Table
	for _, table := range present {
		if !slices.Contains(iptablesTables, table.Name) || table.Family != "ip" && table.Family != "ip6" || slices.Contains(before, table) {
			continue
		}
		output, err := run(ctx, nil, "nft", "-j", "list", "table", table.Family, table.Name)
		if err != nil {
			return err
		}
		unused, err := onlyHooks(output)
		if err != nil {
			return err
		}
		if unused {
			empty = append(empty, table)
		}
	}
	return RemoveTables(ctx, empty)
}

// run runs a program of the host's and returns what it prints.
func run(ctx context.Context, input []byte, name string, args ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, name, args...)
	command.Stdin = bytes.NewReader(input)
	var stderr strings.Builder
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return output, nil
}
