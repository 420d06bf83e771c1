package logline

import (
	"strconv"
	"strings"

	"github.com/bulkhead-k8s/bulkhead/internal/lazyregexp"
)

// Address is a host that a line or a setting names, with its port if it has one.
type Address struct {
	Scheme string
	Host   string
	Port   int
	Path   string
}

// String is host:port, or the host alone.
func (a Address) String() string {
	if a.Port == 0 {
		return a.Host
	}
	return a.Host + ":" + strconv.Itoa(a.Port)
}

var (
	// urlLike is scheme://[user@]host[:port][/path]; jdbc:mysql://… too.
	urlLike = lazyregexp.New(`([a-zA-Z][a-zA-Z0-9+.-]*)://(?:[^\s/@"']*@)?([a-zA-Z0-9](?:[a-zA-Z0-9._-]*[a-zA-Z0-9])?)(?::(\d{1,5}))?(/[^\s"'<>|?,;)]*)?`)
	// hostPort is host:port, not a time of day and not a file's line.
	hostPort = lazyregexp.New(`(?:^|[\s"'=(\[/@,])([a-zA-Z0-9](?:[a-zA-Z0-9._-]*[a-zA-Z0-9])?)[:/](\d{2,5})(?:$|[\s"')\],;:/.])`)
	// libpq is how PostgreSQL's clients name a server, in old and new versions.
	libpq    = lazyregexp.New(`(?:server at|on host) \\?"([a-zA-Z0-9][\w.:-]*)\\?"(?: \([\da-f.:]+\))?(?:,| and accepting\s+TCP/IP connections on) port (\d{2,5})`)
	numeric  = lazyregexp.New(`^\d+(\.\d+)?$`)
	sourceAt = lazyregexp.New(`\.(go|js|ts|py|java|rb|cs|php|c|cc|cpp|rs|kt|scala)$`)
)

// Addresses are the hosts that a text names, in its order, each once.
func Addresses(text string) []Address {
	var found []Address
	add := func(a Address) {
		if a.Host == "" || numeric.MatchString(a.Host) || sourceAt.MatchString(a.Host) || a.Port > 65535 {
			return
		}
		for _, f := range found {
			if f.Host == a.Host && (f.Port == a.Port || a.Port == 0) {
				return
			}
		}
		found = append(found, a)
	}
	rest := text
	if strings.Contains(text, "://") {
		for _, m := range urlLike.FindAllStringSubmatch(text, 8) {
			port, _ := strconv.Atoi(m[3])
			add(Address{Scheme: strings.ToLower(m[1]), Host: strings.ToLower(m[2]), Port: port, Path: m[4]})
		}
		rest = urlLike.ReplaceAllString(text, " ")
	}
	if strings.Contains(rest, " port ") {
		for _, m := range libpq.FindAllStringSubmatch(rest, 4) {
			port, _ := strconv.Atoi(m[2])
			add(Address{Host: strings.ToLower(m[1]), Port: port})
		}
	}
	for _, m := range hostPort.FindAllStringSubmatch(rest, 8) {
		port, _ := strconv.Atoi(m[2])
		add(Address{Host: strings.ToLower(m[1]), Port: port})
	}
	return found
}
