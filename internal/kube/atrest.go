package kube

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/google/renameio/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiserverv1 "k8s.io/apiserver/pkg/apis/apiserver/v1"
	"sigs.k8s.io/yaml"
)

// ensureEncryptionConfig returns the path of the EncryptionConfiguration, and
// makes it with a new key if it does not exist. Secretbox (XSalsa20 and
// Poly1305) is the strongest local provider that needs no key rotation
// (https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/#providers);
// identity comes last, so that what was written before encryption can be read.
func (o *Options) ensureEncryptionConfig() (string, error) {
	path := o.path("pki", "encryption.yaml")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("find the key for Secrets at rest: %w", err)
	}
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return "", fmt.Errorf("make the key for Secrets at rest: %w", err)
	}
	data, err := yaml.Marshal(apiserverv1.EncryptionConfiguration{
		TypeMeta: metav1.TypeMeta{APIVersion: "apiserver.config.k8s.io/v1", Kind: "EncryptionConfiguration"},
		Resources: []apiserverv1.ResourceConfiguration{{
			Resources: []string{"secrets"},
			Providers: []apiserverv1.ProviderConfiguration{
				{Secretbox: &apiserverv1.SecretboxConfiguration{Keys: []apiserverv1.Key{{Name: "key1", Secret: base64.StdEncoding.EncodeToString(key)}}}},
				{Identity: &apiserverv1.IdentityConfiguration{}},
			},
		}},
	})
	if err != nil {
		return "", fmt.Errorf("encode the EncryptionConfiguration: %w", err)
	}
	if err := renameio.WriteFile(path, data, 0o600); err != nil {
		return "", fmt.Errorf("write the key for Secrets at rest: %w", err)
	}
	return path, nil
}
