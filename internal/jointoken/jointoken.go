package jointoken

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
)

// Token is a parsed text.
type Token struct {
	// ID is public, Secret is not.
	ID, Secret string
	// Pin is the hash of the authority's key, in hexadecimal.
	Pin string
}

var pattern = regexp.MustCompile(`\A([a-z0-9]{6})\.([a-z0-9]{16})@sha256:([0-9a-f]{64})\z`)

// errMalformed does not repeat the text, which may be most of a secret.
var errMalformed = errors.New("want what `bulkhead token create` prints on the server, as abcdef.0123456789abcdef@sha256:HASH")

// Parse reads a text.
func Parse(text string) (Token, error) {
	match := pattern.FindStringSubmatch(text)
	if match == nil {
		return Token{}, fmt.Errorf("this is no token to join with: %w", errMalformed)
	}
	return Token{ID: match[1], Secret: match[2], Pin: match[3]}, nil
}

// String is the whole text, the secret too.
func (t Token) String() string { return t.Bearer() + "@sha256:" + t.Pin }

// Bearer is the part that the API server takes as a bearer token.
func (t Token) Bearer() string { return t.ID + "." + t.Secret }

// PinOf is the hash of a certificate's public key.
func PinOf(certificate *x509.Certificate) string {
	sum := sha256.Sum256(certificate.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:])
}
