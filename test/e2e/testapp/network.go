package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"time"
)

// lookup is the answer to a question to the cluster's DNS.
type lookup struct {
	Answers []string `json:"answers"`
	Error   string   `json:"error,omitempty"`
	// NotFound says that a server answered that there is no such name.
	NotFound bool `json:"notFound,omitempty"`
	// Took is how long it took, in milliseconds.
	Took int64 `json:"tookMilliseconds"`
}

// lookUp asks as every program in the pod would, by the pod's resolv.conf.
func lookUp(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 15*time.Second)
	defer cancel()
	name, resolver := r.FormValue("name"), &net.Resolver{PreferGo: true}
	started := time.Now()
	var result lookup
	var err error
	switch kind := r.FormValue("type"); kind {
	case "A":
		result.Answers, err = resolver.LookupHost(ctx, name)
	case "PTR":
		result.Answers, err = resolver.LookupAddr(ctx, name)
	case "CNAME":
		var target string
		if target, err = resolver.LookupCNAME(ctx, name); err == nil {
			result.Answers = []string{target}
		}
	case "SRV":
		var records []*net.SRV
		_, records, err = resolver.LookupSRV(ctx, "", "", name)
		for _, record := range records {
			result.Answers = append(result.Answers, fmt.Sprintf("%s:%d", record.Target, record.Port))
		}
	default:
		err = fmt.Errorf("no type %q", kind)
	}
	result.Took = time.Since(started).Milliseconds()
	if err != nil {
		result.Error = err.Error()
		var dns *net.DNSError
		result.NotFound = errors.As(err, &dns) && dns.IsNotFound
	}
	slices.Sort(result.Answers)
	_ = json.NewEncoder(w).Encode(result)
}

// answerDatagrams says to every datagram who received it.
func answerDatagrams(socket net.PacketConn) {
	hostname, _ := os.Hostname()
	buffer := make([]byte, 1500)
	for {
		_, from, err := socket.ReadFrom(buffer)
		if err != nil {
			return
		}
		_, _ = socket.WriteTo([]byte(hostname), from)
	}
}

// exchangeDatagram sends a datagram from inside of the pod and passes on the
// answer.
func exchangeDatagram(w http.ResponseWriter, r *http.Request) {
	conn, err := net.Dial("udp", r.FormValue("to"))
	if err != nil {
		refuse(w, err)
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(3 * time.Second))
	if _, err := conn.Write([]byte("who?")); err != nil {
		refuse(w, err)
		return
	}
	buffer := make([]byte, 1500)
	n, err := conn.Read(buffer)
	if err != nil {
		refuse(w, err)
		return
	}
	_, _ = w.Write(buffer[:n])
}
