package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
)

// definition is a CustomResourceDefinition with a schema, a rule, a default and
// a status; %[1]s makes its group the test's own.
const definition = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: boats.%[1]s.example}
spec:
  group: %[1]s.example
  scope: Namespaced
  names: {plural: boats, singular: boat, kind: Boat}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema:
      openAPIV3Schema:
        type: object
        required: [spec]
        properties:
          spec:
            type: object
            required: [masts]
            properties:
              masts: {type: integer, minimum: 1, maximum: 5}
              sails: {type: integer, default: 3}
            x-kubernetes-validations:
            - rule: "self.sails >= self.masts"
              message: each mast carries a sail
          status:
            type: object
            properties: {afloat: {type: boolean}}
`

func TestCustomResourceDefinition(t *testing.T) {
	s := newSpace(t)
	name := "boats." + s.name + ".example"
	s.kubectlWithInput(fmt.Sprintf(definition, s.name), "create", "-f", "-")
	s.atEnd(func(ctx context.Context) error {
		return s.kubectlCommand(ctx, "delete", "crd", name, "--wait=false").Run()
	})
	started := time.Now()
	s.kubectl("wait", "--for=condition=Established", "--timeout=20s", "crd/"+name)
	t.Logf("established after %.1f s", time.Since(started).Seconds())

	client, err := dynamic.NewForConfig(access)
	s.must(err)
	boats := client.Resource(schema.GroupVersionResource{Group: s.name + ".example", Version: "v1", Resource: "boats"}).Namespace(s.name)
	boat := func(name string, masts, sails any) *unstructured.Unstructured {
		spec := map[string]any{"masts": masts}
		if sails != nil {
			spec["sails"] = sails
		}
		return &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": s.name + ".example/v1", "kind": "Boat", "metadata": map[string]any{"name": name}, "spec": spec,
		}}
	}
	// Established means served: the first request must not be told "not found".
	made, err := boats.Create(s.ctx, boat("argo", int64(1), nil), metav1.CreateOptions{})
	s.must(err)
	if sails, _, _ := unstructured.NestedInt64(made.Object, "spec", "sails"); sails != 3 {
		t.Errorf("the default number of sails is %d, want 3", sails)
	}
	for _, tc := range []struct {
		masts, sails any
		want         string
	}{
		{int64(6), nil, "spec.masts"},
		{"many", nil, "spec.masts"},
		{int64(4), int64(2), "each mast carries a sail"},
	} {
		_, err := boats.Create(s.ctx, boat("wreck", tc.masts, tc.sails), metav1.CreateOptions{})
		if err := wantError(err, tc.want); err != nil {
			t.Errorf("masts %v, sails %v: %v", tc.masts, tc.sails, err)
		}
	}
	// Status is written by itself, and what is written beside it is left out.
	s.must(unstructured.SetNestedField(made.Object, true, "status", "afloat"))
	s.must(unstructured.SetNestedField(made.Object, int64(2), "spec", "masts"))
	made, err = boats.UpdateStatus(s.ctx, made, metav1.UpdateOptions{})
	s.must(err)
	afloat, _, _ := unstructured.NestedBool(made.Object, "status", "afloat")
	masts, _, _ := unstructured.NestedInt64(made.Object, "spec", "masts")
	if !afloat || masts != 1 {
		t.Errorf("after an update of the status: afloat %v, masts %d", afloat, masts)
	}
	if out := s.kubectl("get", "boats", "-o", "name"); !strings.Contains(out, "/argo") {
		t.Errorf("kubectl get boats: %s", out)
	}
	if out := s.kubectl("explain", "boats.spec"); !strings.Contains(out, "sails") {
		t.Errorf("kubectl explain boats.spec: %s", out)
	}
}

func TestAdmissionWebhooks(t *testing.T) {
	s := newSpace(t)
	// The webhook's pod comes first: afterwards each new one in the namespace
	// would have to pass it.
	authority, certificate, key := s.certificate("hook." + s.name + ".svc")
	_, err := kube.CoreV1().Secrets(s.name).Create(s.ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "tls"}, Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{"tls.crt": certificate, "tls.key": key},
	}, metav1.CreateOptions{})
	s.must(err)
	s.start("hook", running([]string{"webhook"},
		withVolume("/tls", corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "tls"}}),
		func(p *corev1.PodSpec) {
			p.Containers[0].Ports = []corev1.ContainerPort{{Name: "http", ContainerPort: 8443}}
			p.Containers[0].ReadinessProbe = httpProbe("/ready", 1)
			p.Containers[0].ReadinessProbe.HTTPGet.Port.IntVal = 8443
			p.Containers[0].ReadinessProbe.HTTPGet.Scheme = corev1.URISchemeHTTPS
		}))
	s.service("hook", corev1.ServiceSpec{})

	fail, none := admissionv1.Fail, admissionv1.SideEffectClassNone
	client := func(path string) admissionv1.WebhookClientConfig {
		port := int32(80)
		return admissionv1.WebhookClientConfig{
			Service:  &admissionv1.ServiceReference{Namespace: s.name, Name: "hook", Path: &path, Port: &port},
			CABundle: authority,
		}
	}
	rules := []admissionv1.RuleWithOperations{{
		Operations: []admissionv1.OperationType{admissionv1.Create},
		Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"configmaps"}},
	}}
	here := &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": s.name}}
	admission := kube.AdmissionregistrationV1()
	_, err = admission.MutatingWebhookConfigurations().Create(s.ctx, &admissionv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: s.name},
		Webhooks: []admissionv1.MutatingWebhook{{
			Name: "mutate.e2e.example", ClientConfig: client("/mutate"), Rules: rules, NamespaceSelector: here,
			FailurePolicy: &fail, SideEffects: &none, AdmissionReviewVersions: []string{"v1"},
		}},
	}, metav1.CreateOptions{})
	s.must(err)
	t.Cleanup(func() {
		_ = admission.MutatingWebhookConfigurations().Delete(t.Context(), s.name, metav1.DeleteOptions{})
	})
	_, err = admission.ValidatingWebhookConfigurations().Create(s.ctx, &admissionv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: s.name},
		Webhooks: []admissionv1.ValidatingWebhook{{
			Name: "validate.e2e.example", ClientConfig: client("/validate"), Rules: rules, NamespaceSelector: here,
			FailurePolicy: &fail, SideEffects: &none, AdmissionReviewVersions: []string{"v1"},
		}},
	}, metav1.CreateOptions{})
	s.must(err)
	s.atEnd(func(ctx context.Context) error {
		return admission.ValidatingWebhookConfigurations().Delete(ctx, s.name, metav1.DeleteOptions{})
	})

	configMap := func(name string, labels map[string]string) (*corev1.ConfigMap, error) {
		return kube.CoreV1().ConfigMaps(s.name).Create(s.ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: name, Labels: labels}}, metav1.CreateOptions{})
	}
	s.eventually(20*time.Second, "both webhooks are asked", func() error {
		made, err := configMap("good-", nil)
		if err != nil {
			return err
		}
		if made.Labels["touched"] != "yes" {
			return errors.New("the object is not mutated")
		}
		_, err = configMap("bad-", map[string]string{"verdict": "deny"})
		return wantError(err, `"validate.e2e.example"`, "the label says deny")
	})

	// With failurePolicy Fail, a webhook that is gone blocks.
	s.must(kube.CoreV1().Pods(s.name).Delete(s.ctx, "hook", metav1.DeleteOptions{}))
	s.podGone("hook", podLimit)
	_, err = configMap("late-", nil)
	if err := wantError(err, "failed calling webhook"); err != nil {
		t.Errorf("with the webhook gone: %v", err)
	}
}

func TestValidatingAdmissionPolicy(t *testing.T) {
	s := newSpace(t)
	fail := admissionv1.Fail
	policies, bindings := kube.AdmissionregistrationV1().ValidatingAdmissionPolicies(), kube.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings()
	_, err := policies.Create(s.ctx, &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: s.name},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			FailurePolicy: &fail,
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
				Operations: []admissionv1.OperationType{admissionv1.Create},
				Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"configmaps"}},
			}}}},
			Validations: []admissionv1.Validation{{Expression: "size(object.metadata.name) <= 8", MessageExpression: "'name ' + object.metadata.name + ' is too long'"}},
		},
	}, metav1.CreateOptions{})
	s.must(err)
	s.atEnd(func(ctx context.Context) error { return policies.Delete(ctx, s.name, metav1.DeleteOptions{}) })
	_, err = bindings.Create(s.ctx, &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: s.name},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: s.name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
			MatchResources: &admissionv1.MatchResources{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": s.name}}},
		},
	}, metav1.CreateOptions{})
	s.must(err)
	s.atEnd(func(ctx context.Context) error { return bindings.Delete(ctx, s.name, metav1.DeleteOptions{}) })
	round := 0
	s.eventually(20*time.Second, "the policy refuses long names", func() error {
		round++
		_, err := kube.CoreV1().ConfigMaps(s.name).Create(s.ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("far-too-long-%d", round)}}, metav1.CreateOptions{})
		return wantError(err, "is too long")
	})
	if _, err := kube.CoreV1().ConfigMaps(s.name).Create(s.ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "short"}}, metav1.CreateOptions{}); err != nil {
		t.Errorf("a short name is refused: %v", err)
	}
}

// certificate makes an authority and a serving certificate of it, all in PEM.
func (s *space) certificate(host string) (authority, certificate, key []byte) {
	s.Helper()
	now := time.Now()
	template := func(name string) *x509.Certificate {
		return &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Minute), NotAfter: now.Add(time.Hour)}
	}
	ca := template("e2e authority")
	ca.IsCA, ca.BasicConstraintsValid, ca.KeyUsage = true, true, x509.KeyUsageCertSign
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.must(err)
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	s.must(err)
	serving := template(host)
	serving.SerialNumber, serving.DNSNames, serving.ExtKeyUsage = big.NewInt(2), []string{host}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	servingKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.must(err)
	servingDER, err := x509.CreateCertificate(rand.Reader, serving, ca, servingKey.Public(), caKey)
	s.must(err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(servingKey)
	s.must(err)
	block := func(kind string, der []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	}
	return block("CERTIFICATE", caDER), block("CERTIFICATE", servingDER), block("PRIVATE KEY", keyDER)
}
