package bootstraptoken

import (
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/cluster-bootstrap/token/api"
)

func TestTokenIsASecretThatKubernetesKnows(t *testing.T) {
	client := fake.NewClientset()
	join, token, err := Create(t.Context(), client, "pin", "for rack 2", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := client.CoreV1().Secrets("kube-system").Get(t.Context(), "bootstrap-token-"+join.ID, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if secret.Type != "bootstrap.kubernetes.io/token" || secret.StringData["token-secret"] != join.Secret ||
		secret.StringData["usage-bootstrap-authentication"] != "true" || secret.StringData["auth-extra-groups"] != Group {
		t.Errorf("secret of type %s with %v", secret.Type, secret.StringData)
	}
	if left := time.Until(token.Expires); left > time.Hour || left < 59*time.Minute || secret.StringData["expiration"] != token.Expires.Format(time.RFC3339) {
		t.Errorf("expires at %s, stored as %q", token.Expires, secret.StringData["expiration"])
	}
	if _, err := Delete(t.Context(), client, join.String()); err != nil {
		t.Error(err)
	}
	if _, err := Delete(t.Context(), client, join.ID); err == nil {
		t.Error("a token was deleted twice")
	}
	if _, err := Delete(t.Context(), client, "../x"); err == nil {
		t.Error("any name is taken for an ID")
	}
}

func TestDescribeSaysWhetherATokenHolds(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, expired := range map[string]bool{
		"":                     false,
		"2026-01-02T03:04:06Z": false,
		"2026-01-02T03:04:05Z": true,
		"soon":                 true,
	} {
		token := describe(&v1.Secret{Data: map[string][]byte{api.BootstrapTokenIDKey: []byte("abcdef"), api.BootstrapTokenExpirationKey: []byte(text)}}, now)
		if token.ID != "abcdef" || token.Expired != expired {
			t.Errorf("expiration %q: %+v, want expired = %v", text, token, expired)
		}
	}
}
