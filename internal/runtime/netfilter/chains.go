package netfilter

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
)

// Chain is an iptables chain, of IPv4 ("iptables") or IPv6 ("ip6tables").
type Chain struct{ Program, Table, Name string }

func (c Chain) String() string { return c.Program + " -t " + c.Table + " " + c.Name }

// forwardChain accepts what goes to and comes from pods, where somebody else's
// policy is to drop what is forwarded.
const forwardChain = "BULKHEAD-FORWARD"

// nodesChain does so for local nodes.
const nodesChain = "BULKHEAD-NODES"

// ours says whether a chain's name is one that we, the kubelet, kube-proxy or
// our CNI plugins give, if it was not there before.
func (c Chain) ours() bool {
	if c.Name == forwardChain || c.Name == nodesChain {
		return true
	}
	for _, prefix := range []string{"KUBE-", "CNI-"} {
		if strings.HasPrefix(c.Name, prefix) {
			return true
		}
	}
	return false
}

var iptablesPrograms = []string{"iptables", "ip6tables"}

// Chains returns the chains of this network namespace that have names like ours,
// none where iptables is not installed.
func Chains(ctx context.Context) ([]Chain, error) {
	var found []Chain
	for _, program := range iptablesPrograms {
		output, err := run(ctx, nil, program+"-save")
		if errors.Is(err, exec.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, chain := range parseChains(program, string(output)) {
			if chain.ours() {
				found = append(found, chain)
			}
		}
	}
	return found, nil
}

// parseChains returns the chains in what iptables-save prints.
func parseChains(program, saved string) []Chain {
	var found []Chain
	table := ""
	for line := range strings.Lines(saved) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "*"):
			table = line[1:]
		case strings.HasPrefix(line, ":"):
			if fields := strings.Fields(line[1:]); len(fields) > 0 {
				found = append(found, Chain{program, table, fields[0]})
			}
		}
	}
	return found
}

// OurChains returns those of present that are ours, given what was there before
// us.
func OurChains(present, before []Chain) []Chain {
	var found []Chain
	for _, chain := range present {
		if chain.ours() && !slices.Contains(before, chain) {
			found = append(found, chain)
		}
	}
	return found
}

// RemoveChains removes chains and every rule that leads to them, and nothing
// else.
func RemoveChains(ctx context.Context, chains []Chain) error {
	var errs []error
	for _, program := range iptablesPrograms {
		ours := slices.DeleteFunc(slices.Clone(chains), func(c Chain) bool { return c.Program != program })
		if len(ours) == 0 {
			continue
		}
		saved, err := run(ctx, nil, program+"-save")
		if err == nil {
			_, err = run(ctx, []byte(removal(ours, string(saved))), program+"-restore", "--noflush", "--wait", "5")
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// removal returns the input for iptables-restore that takes away chains, given
// what iptables-save prints.
func removal(chains []Chain, saved string) string {
	isOurs := func(table, name string) bool {
		return slices.ContainsFunc(chains, func(c Chain) bool { return c.Table == table && c.Name == name })
	}
	var out strings.Builder
	table := ""
	var empty, remove []string // lines for our chains of the present table
	for line := range strings.Lines(saved) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "*"):
			table, empty, remove = line[1:], nil, nil
		case strings.HasPrefix(line, ":"):
			if name, _, _ := strings.Cut(line[1:], " "); isOurs(table, name) {
				empty = append(empty, "-F "+name)
				remove = append(remove, "-X "+name)
			}
		case strings.HasPrefix(line, "-A "):
			chain, target := ruleEnds(line)
			if isOurs(table, target) && !isOurs(table, chain) {
				empty = append(empty, "-D"+strings.TrimPrefix(line, "-A"))
			}
		case line == "COMMIT" && len(empty) > 0:
			fmt.Fprintf(&out, "*%s\n%s\n%s\nCOMMIT\n", table, strings.Join(empty, "\n"), strings.Join(remove, "\n"))
		}
	}
	return out.String()
}

// ruleEnds returns the chain that a rule is in, and the chain that it leads to.
func ruleEnds(rule string) (chain, target string) {
	fields := strings.Fields(rule)
	if len(fields) > 1 {
		chain = fields[1]
	}
	for i, field := range fields[:max(0, len(fields)-1)] {
		if field == "-j" || field == "-g" {
			target = fields[i+1]
		}
	}
	return chain, target
}
