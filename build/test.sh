#!/bin/sh
# All tests: first those of single packages, then those that start clusters, one
# package after the other since they compete for processors. Extra arguments go
# to go test, as -short or -run.
set -eu
cd "$(dirname "$0")/.."

clusters='/test/\(e2e\|crash\|containment\|multinode\|nodepool\|warstory\|conformance\)$'
packages=$(go list ./...)
failed=0
# -vet=off: vet would look through all of Kubernetes for each package that links
# it; `make lint` vets ours.
# shellcheck disable=SC2046 # the packages are words
go test -vet=off -timeout 10m "$@" $(echo "$packages" | grep -v "$clusters") || failed=1
if selected=$(echo "$packages" | grep "$clusters"); then
	# Compiling upstream's suite takes minutes with a cold cache: no part of a
	# test's time.
	case " $* " in *" -short "*) ;; *) go run ./test/conformance build >/dev/null || failed=1 ;; esac
	# -count=1: they depend on the machine and on bin, which the cache does not see.
	# shellcheck disable=SC2086
	go test -vet=off -count=1 -p 1 -timeout 40m "$@" $selected || failed=1
fi
exit $failed
