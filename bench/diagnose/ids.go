package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
)

// uid is the same for the same object in each run.
func uid(kind string, n int) types.UID {
	h := sha256.Sum256(fmt.Append(nil, kind, n))
	return types.UID(fmt.Sprintf("%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16]))
}

// longHex is as long as the identifiers of containers and images.
func longHex(n int) string {
	h := sha256.Sum256(fmt.Append(nil, n))
	return hex.EncodeToString(h[:])
}
