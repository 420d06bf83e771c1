package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestConfigMapAndSecretReachThePod(t *testing.T) {
	s := newSpace(t)
	settings, err := kube.CoreV1().ConfigMaps(s.name).Create(s.ctx, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "settings"}, Data: map[string]string{"color": "green", "shape": "round"},
	}, metav1.CreateOptions{})
	s.must(err)
	secret, err := kube.CoreV1().Secrets(s.name).Create(s.ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "access"}, StringData: map[string]string{"password": "first"},
	}, metav1.CreateOptions{})
	s.must(err)
	mode := int32(0o400)
	s.start("reader", server(
		withVolume("/settings", corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "settings"}}}),
		withVolume("/access", corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "access", DefaultMode: &mode}}),
		func(p *corev1.PodSpec) {
			p.Containers[0].EnvFrom = []corev1.EnvFromSource{{Prefix: "SET_", ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "settings"}}}}
			p.Containers[0].Env = []corev1.EnvVar{{Name: "PASSWORD", ValueFrom: &corev1.EnvVarSource{
				SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "access"}, Key: "password"},
			}}}
		},
	))
	for path, want := range map[string]string{"/settings/color": "green", "/settings/shape": "round", "/access/password": "first"} {
		if got := s.get("reader", "/file", "path", path); got != want {
			t.Errorf("%s holds %q, want %q", path, got, want)
		}
	}
	for name, want := range map[string]string{"SET_color": "green", "PASSWORD": "first"} {
		if got := s.get("reader", "/env/"+name); got != want {
			t.Errorf("$%s is %q, want %q", name, got, want)
		}
	}

	// Updates reach the files, in time and as a whole; variables stay.
	settings.Data = map[string]string{"color": "blue"}
	_, err = kube.CoreV1().ConfigMaps(s.name).Update(s.ctx, settings, metav1.UpdateOptions{})
	s.must(err)
	secret.Data["password"] = []byte("second")
	_, err = kube.CoreV1().Secrets(s.name).Update(s.ctx, secret, metav1.UpdateOptions{})
	s.must(err)
	s.eventually(110*time.Second, "the files show the update", func() error {
		if got := s.get("reader", "/file", "path", "/settings/color"); got != "blue" {
			return fmt.Errorf("the ConfigMap's is %q", got)
		}
		if got := s.get("reader", "/file", "path", "/access/password"); got != "second" {
			return fmt.Errorf("the Secret's is %q", got)
		}
		return nil
	})
	if _, err := s.viaProxy("GET", "reader", "/file", values("path", "/settings/shape")); err == nil {
		t.Error("a key that was removed is still a file")
	}
	if got := s.get("reader", "/env/PASSWORD"); got != "first" {
		t.Errorf("the variable changed to %q in a running container", got)
	}
}

func TestProjectedServiceAccountToken(t *testing.T) {
	s := newSpace(t)
	expiry := int64(3600)
	s.start("holder", server(withVolume("/tokens", corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
		{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Audience: "vault", ExpirationSeconds: &expiry, Path: "vault"}},
		{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{{Path: "labels", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.labels"}}}}},
	}}})))
	token := s.get("holder", "/file", "path", "/tokens/vault")

	review := func(audience string) authenticationv1.TokenReviewStatus {
		r, err := kube.AuthenticationV1().TokenReviews().Create(s.ctx, &authenticationv1.TokenReview{
			Spec: authenticationv1.TokenReviewSpec{Token: token, Audiences: []string{audience}},
		}, metav1.CreateOptions{})
		s.must(err)
		return r.Status
	}
	got := review("vault")
	if !got.Authenticated || got.User.Username != "system:serviceaccount:"+s.name+":default" {
		t.Errorf("review for its audience: %+v", got)
	}
	if pod := got.User.Extra["authentication.kubernetes.io/pod-name"]; len(pod) != 1 || pod[0] != "holder" {
		t.Errorf("the token is bound to pod %q", pod)
	}
	if review("another").Authenticated {
		t.Error("the token is taken for another audience")
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("token has %d parts", len(parts))
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[1])
	s.must(err)
	var claims struct {
		Issued, Expiry int64
		Iss            string
	}
	s.must(json.Unmarshal([]byte(strings.NewReplacer(`"iat"`, `"Issued"`, `"exp"`, `"Expiry"`).Replace(string(data))), &claims))
	if lifetime := claims.Expiry - claims.Issued; lifetime < 3500 || lifetime > 3700 {
		t.Errorf("the token lives for %d s, want 3600", lifetime)
	}
	if !strings.HasPrefix(claims.Iss, "https://") {
		t.Errorf("the issuer is %q", claims.Iss)
	}
	if text := s.get("holder", "/file", "path", "/tokens/labels"); text != `app="holder"` {
		t.Errorf("the projected labels are %q", text)
	}

	// A token of a pod that is gone is void at once.
	s.must(kube.CoreV1().Pods(s.name).Delete(s.ctx, "holder", metav1.DeleteOptions{}))
	s.podGone("holder", podLimit)
	s.eventually(20*time.Second, "the token of the deleted pod is refused", func() error {
		if review("vault").Authenticated {
			return fmt.Errorf("it is taken")
		}
		return nil
	})
}
