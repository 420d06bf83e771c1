package netfilter

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// SetNodes puts the rules for the traffic of local nodes in force, in place of
// earlier ones: what is not for one of them leaves this machine under its address.
// bridges are all that local nodes are connected to, with their ranges.
func SetNodes(ctx context.Context, bridges map[string]netip.Prefix) error {
	if _, err := run(ctx, []byte(nodesScript(bridges)), "nft", "-f", "-"); err != nil {
		return fmt.Errorf("let local nodes out: %w", err)
	}
	return accept(ctx, iptablesPrograms[:1], "", nodesChain, slices.Sorted(maps.Keys(bridges)))
}

func nodesScript(bridges map[string]netip.Prefix) string {
	var rules strings.Builder
	for _, bridge := range slices.Sorted(maps.Keys(bridges)) {
		fmt.Fprintf(&rules, "\t\tip saddr %s oifname != %q masquerade\n", bridges[bridge].Masked(), bridge)
	}
	return fmt.Sprintf(`table inet %[1]s
delete table inet %[1]s
table inet %[1]s {
	comment "Bulkhead: local nodes' traffic to the outside"
	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
%[2]s	}
}
`, nodesTable, rules.String())
}

// RemoveNodes removes what SetNodes made.
func RemoveNodes(ctx context.Context) error {
	tables, err := Tables(ctx)
	if err != nil {
		return err
	}
	if own := (Table{"inet", nodesTable}); slices.Contains(tables, own) {
		if err := RemoveTables(ctx, []Table{own}); err != nil {
			return err
		}
	}
	chains, err := Chains(ctx)
	if err != nil {
		return err
	}
	chains = slices.DeleteFunc(chains, func(c Chain) bool { return c.Name != nodesChain })
	return RemoveChains(ctx, chains)
}
