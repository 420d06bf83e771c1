// Package protocol is cluster-autoscaler's externalgrpc protocol, as far as it is
// spoken here.
package protocol

// Needs protoc (Debian's protobuf-compiler).
//
//go:generate ./generate.sh
