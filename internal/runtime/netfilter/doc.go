// Package netfilter sets up and takes away our packet filter rules, through the
// host's nft and iptables programs.
//
// tables.go and chains.go parse what those print and write what they read;
// setup.go has the rules for the pods' traffic. Its one rule: it changes only
// tables and chains with our names, and never flushes what others share.
package netfilter
