package e2e

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/miekg/dns"
)

// outsideDNS stands for the internet's DNS: it knows one name, and of all
// others that they do not exist.
type outsideDNS struct {
	server     *dns.Server
	folder     string
	resolvConf string
}

const (
	outsideName    = "known.outside.example."
	outsideAddress = "203.0.113.7" // TEST-NET-3, RFC 5737
)

var outside *outsideDNS

// newOutsideDNS only says where the resolv.conf will be: the daemon's settings
// are needed before its network exists.
func newOutsideDNS() (*outsideDNS, error) {
	folder, err := os.MkdirTemp("", "bh-e2e-dns-")
	if err != nil {
		return nil, err
	}
	return &outsideDNS{folder: folder, resolvConf: filepath.Join(folder, "resolv.conf")}, nil
}

// serve listens on the gateway of the daemon's network. From there is no way to
// the real DNS, and a test must not depend on that anyway.
func (o *outsideDNS) serve(gateway netip.Addr) error {
	socket, err := net.ListenPacket("udp", netip.AddrPortFrom(gateway, 53).String())
	if err != nil {
		return err
	}
	o.server = &dns.Server{PacketConn: socket, Handler: dns.HandlerFunc(answerOutside)}
	go o.server.ActivateAndServe()
	return os.WriteFile(o.resolvConf, []byte("nameserver "+gateway.String()+"\n"), 0o644)
}

func answerOutside(w dns.ResponseWriter, question *dns.Msg) {
	answer := new(dns.Msg).SetReply(question)
	switch asked := question.Question[0]; {
	case asked.Name != outsideName:
		answer.Rcode = dns.RcodeNameError
	case asked.Qtype == dns.TypeA:
		record, err := dns.NewRR(fmt.Sprintf("%s 5 IN A %s", outsideName, outsideAddress))
		if err == nil {
			answer.Answer = []dns.RR{record}
		}
	}
	_ = w.WriteMsg(answer)
}

func (o *outsideDNS) close() {
	if o.server != nil {
		_ = o.server.Shutdown()
	}
	_ = os.RemoveAll(o.folder)
}
