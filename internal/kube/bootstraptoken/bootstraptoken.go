package bootstraptoken

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/kubernetes"
	"k8s.io/cluster-bootstrap/token/api"
	"k8s.io/cluster-bootstrap/token/util"

	"github.com/bulkhead-k8s/bulkhead/internal/jointoken"
)

// Group is what holders of a token are members of, besides all others'
// system:bootstrappers.
const Group = "system:bootstrappers:bulkhead:agents"

// Token is what is known of a token besides its secret.
type Token struct {
	ID          string `json:"id"`
	Description string `json:"description,omitempty"`
	// Expires is zero for a token that does not.
	Expires time.Time `json:"expires,omitzero"`
	Expired bool      `json:"expired,omitempty"`
}

// Create makes a token that holds for ttl, or for ever if ttl is 0. The pin is
// that of the server's authority.
func Create(ctx context.Context, client kubernetes.Interface, pin, description string, ttl time.Duration) (jointoken.Token, Token, error) {
	text, err := util.GenerateBootstrapToken()
	if err != nil {
		return jointoken.Token{}, Token{}, fmt.Errorf("make a token: %w", err)
	}
	id, secret, _ := strings.Cut(text, ".")
	token := Token{ID: id, Description: description}
	data := map[string]string{
		api.BootstrapTokenIDKey:               id,
		api.BootstrapTokenSecretKey:           secret,
		api.BootstrapTokenUsageAuthentication: "true",
		api.BootstrapTokenExtraGroupsKey:      Group,
	}
	if description != "" {
		data[api.BootstrapTokenDescriptionKey] = description
	}
	if ttl > 0 {
		token.Expires = time.Now().Add(ttl).UTC().Truncate(time.Second)
		data[api.BootstrapTokenExpirationKey] = token.Expires.Format(time.RFC3339)
	}
	_, err = client.CoreV1().Secrets(metav1.NamespaceSystem).Create(ctx, &v1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: util.BootstrapTokenSecretName(id)},
		Type:       api.SecretTypeBootstrapToken,
		StringData: data,
	}, metav1.CreateOptions{})
	if err != nil {
		return jointoken.Token{}, Token{}, fmt.Errorf("store the token: %w", err)
	}
	return jointoken.Token{ID: id, Secret: secret, Pin: pin}, token, nil
}

// List returns all tokens, those that expire first at the front.
func List(ctx context.Context, client kubernetes.Interface) ([]Token, error) {
	secrets, err := client.CoreV1().Secrets(metav1.NamespaceSystem).List(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("type", string(api.SecretTypeBootstrapToken)).String(),
	})
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	tokens := make([]Token, 0, len(secrets.Items))
	for _, secret := range secrets.Items {
		tokens = append(tokens, describe(&secret, time.Now()))
	}
	slices.SortFunc(tokens, func(a, b Token) int {
		switch {
		case a.Expires.IsZero() != b.Expires.IsZero():
			return map[bool]int{true: 1, false: -1}[a.Expires.IsZero()]
		case !a.Expires.Equal(b.Expires):
			return a.Expires.Compare(b.Expires)
		}
		return strings.Compare(a.ID, b.ID)
	})
	return tokens, nil
}

// describe reads what a token's Secret says of it.
func describe(secret *v1.Secret, now time.Time) Token {
	token := Token{
		ID:          string(secret.Data[api.BootstrapTokenIDKey]),
		Description: string(secret.Data[api.BootstrapTokenDescriptionKey]),
	}
	if text := string(secret.Data[api.BootstrapTokenExpirationKey]); text != "" {
		expires, err := time.Parse(time.RFC3339, text)
		// The API server takes a time that it cannot read for one in the past.
		token.Expires, token.Expired = expires, err != nil || !now.Before(expires)
	}
	return token
}

// Delete deletes a token, given as its ID or as the whole text.
func Delete(ctx context.Context, client kubernetes.Interface, text string) (id string, err error) {
	id, _, _ = strings.Cut(text, ".")
	if !util.IsValidBootstrapTokenID(id) {
		return "", fmt.Errorf("%q is no token's ID: want its first six characters, as `bulkhead token list` shows them", id)
	}
	err = client.CoreV1().Secrets(metav1.NamespaceSystem).Delete(ctx, util.BootstrapTokenSecretName(id), metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return "", fmt.Errorf("there is no token %s", id)
	}
	if err != nil {
		return "", fmt.Errorf("delete token %s: %w", id, err)
	}
	return id, nil
}
