// Command coredns is upstream's CoreDNS with the plugins that a cluster uses and
// no others. All of github.com/coredns/coredns would be larger and slower to
// start, to upstream's disadvantage.
package main

import (
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/loadbalance"

	"github.com/coredns/coredns/coremain"
)

func main() { coremain.Run() }
