package address

import (
	"net/netip"
	"strings"
	"testing"

	"sigs.k8s.io/knftables"
)

func TestFilters(t *testing.T) {
	o := Options{
		Addresses: []netip.Addr{netip.MustParseAddr("10.43.0.10"), netip.MustParseAddr("fd00:43::a")},
		Clients:   []netip.Prefix{netip.MustParsePrefix("10.42.0.0/16"), netip.MustParsePrefix("fd00:42::/56")},
		Interface: "bulkhead-dns",
	}
	for family, want := range map[knftables.Family][]string{
		knftables.IPv4Family: {
			"add rule ip bulkhead-dns incoming ip daddr { 10.43.0.10 } iifname != lo ip saddr != { 10.42.0.0/16 } drop",
			"add rule ip bulkhead-dns incoming ip daddr { 10.43.0.10 } notrack",
			"add rule ip bulkhead-dns incoming iifname lo ip saddr { 10.43.0.10 } notrack",
			"add rule ip bulkhead-dns outgoing ip daddr { 10.43.0.10 } notrack",
			"add rule ip bulkhead-dns outgoing ip saddr { 10.43.0.10 } notrack",
		},
		knftables.IPv6Family: {
			"add rule ip6 bulkhead-dns incoming ip6 daddr { fd00:43::a } iifname != lo ip6 saddr != { fd00:42::/56 } drop",
		},
	} {
		nft := knftables.NewFake(family, o.Interface)
		for range 2 { // applying again changes nothing
			if err := nft.Run(t.Context(), filters(nft.NewTransaction(), family, o)); err != nil {
				t.Fatal(err)
			}
		}
		got := nft.Dump()
		for _, line := range want {
			if strings.Count(got, line+"\n") != 1 {
				t.Errorf("want once %q in\n%s", line, got)
			}
		}
	}
}

func TestAllAreAnsweredWhereNoClientsAreNamed(t *testing.T) {
	o := Options{Addresses: []netip.Addr{netip.MustParseAddr("10.43.0.10")}, Interface: "x"}
	nft := knftables.NewFake(knftables.IPv4Family, "x")
	if err := nft.Run(t.Context(), filters(nft.NewTransaction(), knftables.IPv4Family, o)); err != nil {
		t.Fatal(err)
	}
	if got := nft.Dump(); strings.Contains(got, "drop") {
		t.Errorf("rules drop:\n%s", got)
	}
}
