package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// answer is what testapp's server says about itself.
type answer struct {
	Hostname, Version, Client string
}

// viaProxy asks a pod's port 8080 through the API server, which works wherever
// the tests run.
func (s *space) viaProxy(method, pod, path string, query url.Values) (string, error) {
	request := kube.CoreV1().RESTClient().Verb(method).Namespace(s.name).Resource("pods").
		Name(pod + ":8080").SubResource("proxy").Suffix(path)
	for name, values := range query {
		request = request.Param(name, values[0])
	}
	body, err := request.DoRaw(s.ctx)
	if err != nil {
		return "", fmt.Errorf("%s %s of pod %s: %w: %s", method, path, pod, err, body)
	}
	return string(body), nil
}

// get asks a pod and ends the test if it does not answer.
func (s *space) get(pod, path string, query ...string) string {
	s.Helper()
	body, err := s.viaProxy(http.MethodGet, pod, path, values(query...))
	s.must(err)
	return body
}

func (s *space) post(pod, path string, query ...string) string {
	s.Helper()
	body, err := s.viaProxy(http.MethodPost, pod, path, values(query...))
	s.must(err)
	return body
}

func values(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v
}

// fetch asks address from inside of a pod, over a new connection.
func (s *space) fetch(pod, address string) (answer, error) {
	body, err := s.viaProxy(http.MethodGet, pod, "/fetch", values("url", "http://"+address+"/"))
	if err != nil {
		return answer{}, err
	}
	return decodeAnswer([]byte(body))
}

// fetchFrom asks address over a new connection that dial makes.
func fetchFrom(ctx context.Context, dial func(context.Context, string, string) (net.Conn, error), address string) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	client := http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/", nil)
	if err != nil {
		return answer{}, err
	}
	response, err := client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	return decodeAnswer(body)
}

func decodeAnswer(body []byte) (a answer, err error) {
	if err := json.Unmarshal(body, &a); err != nil {
		return a, fmt.Errorf("answer %q: %w", body, err)
	}
	return a, nil
}

// lookup is what a pod found in DNS.
type lookup struct {
	Answers  []string
	Error    string
	NotFound bool
	Took     int64 `json:"tookMilliseconds"`
}

// dns asks the cluster's DNS from inside of a pod.
func (s *space) dns(pod, kind, name string) (l lookup) {
	s.Helper()
	s.must(json.Unmarshal([]byte(s.get(pod, "/dns", "type", kind, "name", name)), &l))
	return l
}

// wantNotFound is nil for the error that says that an object does not exist.
func wantNotFound(err error) error {
	switch {
	case err == nil:
		return errors.New("it exists")
	case apierrors.IsNotFound(err):
		return nil
	}
	return err
}

// wantError is nil if err is there and contains all of parts.
func wantError(err error, parts ...string) error {
	if err == nil {
		return fmt.Errorf("no error, want one with %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			return fmt.Errorf("want an error with %q: %w", part, err)
		}
	}
	return nil
}
