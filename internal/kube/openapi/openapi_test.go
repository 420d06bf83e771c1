package openapi

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"k8s.io/apiserver/pkg/server/mux"
	"k8s.io/kube-openapi/pkg/handler3"
	"k8s.io/kube-openapi/pkg/spec3"
)

// server serves the documents of one group, api/v1. made counts the making.
func server(t *testing.T) (url string, made *int) {
	t.Helper()
	made = new(int)
	d := &documents{
		groups: func() []string { return []string{"api/v1"} },
		v2:     func() http.Handler { t.Error("version 2 was made"); return http.NotFoundHandler() },
		v3: sync.OnceValue(func() http.Handler {
			*made++
			m := mux.NewPathRecorderMux("test")
			service := handler3.NewOpenAPIService()
			if err := service.RegisterOpenAPIV3VersionedService(pathV3, m); err != nil {
				t.Fatal(err)
			}
			service.UpdateGroupVersion("api/v1", &spec3.OpenAPI{Version: "3.0.0"})
			return m
		}),
	}
	paths := mux.NewPathRecorderMux("test")
	d.register(paths)
	s := httptest.NewServer(paths)
	t.Cleanup(s.Close)
	return s.URL, made
}

func get(t *testing.T, url string) (*http.Response, map[string]any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var body map[string]any
	if err := json.NewDecoder(response.Body).Decode(&body); err != nil {
		t.Fatalf("%s: %s: %v", url, response.Status, err)
	}
	return response, body
}

func TestListNamesDocumentsWithoutMakingThem(t *testing.T) {
	url, made := server(t)
	_, list := get(t, url+pathV3)
	paths, _ := list["paths"].(map[string]any)
	if len(paths) != 1 || *made != 0 {
		t.Errorf("list %v, documents made %d times: want api/v1, and none made", list, *made)
	}
}

func TestDocumentIsFoundByTheListsURL(t *testing.T) {
	url, made := server(t)
	_, list := get(t, url+pathV3)
	relative := list["paths"].(map[string]any)["api/v1"].(map[string]any)["serverRelativeURL"].(string)
	for range 2 {
		response, document := get(t, url+relative)
		if response.StatusCode != http.StatusOK || document["openapi"] != "3.0.0" {
			t.Errorf("%s: %s: %v", relative, response.Status, document)
		}
	}
	if *made != 1 {
		t.Errorf("documents were made %d times", *made)
	}
}

func TestHashStaysWithinARunAndDiffersBetweenTwo(t *testing.T) {
	hash := func(url string) string {
		_, list := get(t, url+pathV3)
		relative := list["paths"].(map[string]any)["api/v1"].(map[string]any)["serverRelativeURL"].(string)
		_, hash, _ := strings.Cut(relative, "?hash=")
		return hash
	}
	one, _ := server(t)
	other, _ := server(t)
	first, again, others := hash(one), hash(one), hash(other)
	if first == "" || again != first || others == first {
		t.Errorf("hashes %q, %q and of another run %q", first, again, others)
	}
}
