package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
)

// review is the part of admission.k8s.io/v1's AdmissionReview that is used.
type review struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Request    *request  `json:"request,omitempty"`
	Response   *response `json:"response,omitempty"`
}

type request struct {
	UID    string `json:"uid"`
	Object struct {
		Metadata struct {
			Labels map[string]string `json:"labels"`
		} `json:"metadata"`
	} `json:"object"`
}

type response struct {
	UID       string  `json:"uid"`
	Allowed   bool    `json:"allowed"`
	Status    *status `json:"status,omitempty"`
	Patch     []byte  `json:"patch,omitempty"`
	PatchType string  `json:"patchType,omitempty"`
}

type status struct {
	Message string `json:"message"`
}

// serveWebhook is an admission webhook on port 8443, with the certificate in
// /tls: /validate refuses what is labelled verdict=deny, /mutate sets the label
// touched=yes.
func serveWebhook([]string) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ready", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /validate", admit(func(r *request) *response {
		if r.Object.Metadata.Labels["verdict"] == "deny" {
			return &response{Status: &status{Message: "the label says deny"}}
		}
		return &response{Allowed: true}
	}))
	mux.HandleFunc("POST /mutate", admit(func(r *request) *response {
		patch := `[{"op":"add","path":"/metadata/labels/touched","value":"yes"}]`
		if r.Object.Metadata.Labels == nil {
			patch = `[{"op":"add","path":"/metadata/labels","value":{"touched":"yes"}}]`
		}
		return &response{Allowed: true, Patch: []byte(patch), PatchType: "JSONPatch"}
	}))
	server := &http.Server{Addr: ":8443", Handler: mux}
	go func() {
		<-terminated()
		fmt.Println("asked to end")
		os.Exit(0)
	}()
	return server.ListenAndServeTLS("/tls/tls.crt", "/tls/tls.key")
}

func admit(decide func(*request) *response) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in review
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Request == nil {
			http.Error(w, fmt.Sprintf("want an AdmissionReview: %v", err), http.StatusBadRequest)
			return
		}
		out := decide(in.Request)
		out.UID = in.Request.UID
		_ = json.NewEncoder(w).Encode(review{APIVersion: in.APIVersion, Kind: in.Kind, Response: out})
	}
}
