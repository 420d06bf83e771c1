package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

// answer is what the server says about itself and the request.
type answer struct {
	Hostname string `json:"hostname"`
	Version  string `json:"version"`
	Client   string `json:"client"`
}

// server is a web server that a test steers.
type server struct {
	mu       sync.Mutex
	switches map[string]bool // live, ready, started
	load     *load           // nil while none runs
}

// serve answers on $PORT (8080) over TCP and UDP until SIGTERM; then, for
// $DRAIN, it goes on answering before it ends in order.
func serve([]string) error {
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	s := &server{switches: map[string]bool{
		"live":    os.Getenv("LIVE") != "false",
		"ready":   os.Getenv("READY") != "false",
		"started": os.Getenv("STARTED") != "false",
	}}
	udp, err := net.ListenPacket("udp", ":"+port)
	if err != nil {
		return err
	}
	go answerDatagrams(udp)

	web := &http.Server{Addr: ":" + port, Handler: s.handler()}
	ended := make(chan error, 1)
	go func() { ended <- web.ListenAndServe() }()
	fmt.Println("serving on", port)
	select {
	case err := <-ended:
		return err
	case <-terminated():
	}
	fmt.Println("asked to end")
	drain, _ := time.ParseDuration(os.Getenv("DRAIN"))
	time.Sleep(drain) // this is what a program under test does, not a wait for readiness
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := web.Shutdown(ctx); err != nil {
		return err
	}
	if path := os.Getenv("FAREWELL"); path != "" {
		if err := appendFile(path, "ended in order\n"); err != nil {
			return err
		}
	}
	fmt.Println("ended in order")
	return nil
}

func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		hostname, _ := os.Hostname()
		_ = json.NewEncoder(w).Encode(answer{Hostname: hostname, Version: os.Getenv("VERSION"), Client: r.RemoteAddr})
	})
	mux.HandleFunc("GET /health/{name}", s.health)
	mux.HandleFunc("POST /switch/{name}/{to}", s.turn)
	mux.HandleFunc("GET /env/{name}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, os.Getenv(r.PathValue("name")))
	})
	mux.HandleFunc("GET /file", readFile)
	mux.HandleFunc("POST /file", func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err == nil {
			err = appendFile(r.FormValue("path"), string(text))
		}
		refuse(w, err)
	})
	mux.HandleFunc("GET /fetch", fetch)
	mux.HandleFunc("GET /udp", exchangeDatagram)
	mux.HandleFunc("GET /dns", lookUp)
	mux.HandleFunc("GET /slow", func(w http.ResponseWriter, r *http.Request) {
		wait, err := time.ParseDuration(r.FormValue("for"))
		if err != nil {
			refuse(w, err)
			return
		}
		time.Sleep(wait)
		fmt.Fprint(w, "slow")
	})
	mux.HandleFunc("POST /burn", burn)
	mux.HandleFunc("POST /hoard", hoard)
	mux.HandleFunc("POST /load/start", s.startLoad)
	mux.HandleFunc("POST /load/stop", s.stopLoad)
	return mux
}

func (s *server) health(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.switches[r.PathValue("name")] {
		http.Error(w, "switched off", http.StatusServiceUnavailable)
	}
}

func (s *server) turn(_ http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.switches[r.PathValue("name")] = r.PathValue("to") == "on"
}

func readFile(w http.ResponseWriter, r *http.Request) {
	data, err := os.ReadFile(r.FormValue("path"))
	if err != nil {
		refuse(w, err)
		return
	}
	_, _ = w.Write(data)
}

// fetch gets a URL from inside of the pod, over a new connection, and passes on
// status and body.
func fetch(w http.ResponseWriter, r *http.Request) {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(r.FormValue("url"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer response.Body.Close()
	w.WriteHeader(response.StatusCode)
	_, _ = io.Copy(w, response.Body)
}

// burn keeps one core busy in the background.
func burn(w http.ResponseWriter, r *http.Request) {
	wait, err := time.ParseDuration(r.FormValue("for"))
	if err != nil {
		refuse(w, err)
		return
	}
	go func() {
		for end := time.Now().Add(wait); time.Now().Before(end); {
		}
	}()
}

// hoard takes memory and uses every page of it.
func hoard(w http.ResponseWriter, r *http.Request) {
	size, err := strconv.Atoi(r.FormValue("mebibytes"))
	if err != nil {
		refuse(w, err)
		return
	}
	memory := make([]byte, size<<20)
	for i := 0; i < len(memory); i += os.Getpagesize() {
		memory[i] = 1
	}
	fmt.Fprint(w, len(memory))
}

func refuse(w http.ResponseWriter, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}
