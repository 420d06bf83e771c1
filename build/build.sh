#!/bin/sh
# Builds bin/: bulkhead, bulkheadd, the handler of core dumps, containerd, its
# shim, runc and the CNI plugins, all from the modules that go.mod names. Takes no network once the
# modules are there.
#
#   build/build.sh [bulkhead|bulkheadd|core|containerd|runc|cni]...   default: all
set -eu
cd "$(dirname "$0")/.."

module=github.com/bulkhead-k8s/bulkhead
kubernetes=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
version=${VERSION:-$(git describe --tags --always --dirty 2>/dev/null || echo devel)}
commit=$(git rev-parse HEAD 2>/dev/null || echo unknown)
# The commit's time and not the clock's, so that the same commit builds the same bytes.
export TZ=UTC0
date=$(git log -1 --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ 2>/dev/null || echo 1970-01-01T00:00:00Z)

major=${kubernetes#v}
minor=${major#*.}
major=${major%%.*}
minor=${minor%%.*}

ours="-X $module/internal/version.bulkhead=$version -X $module/internal/version.kubernetes=$kubernetes"
theirs=
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
	theirs="$theirs -X $package.gitVersion=$kubernetes -X $package.gitMajor=$major -X $package.gitMinor=$minor"
	theirs="$theirs -X $package.gitCommit=$commit -X $package.gitTreeState=clean -X $package.buildDate=$date"
done

containerd_version=$(go list -m -f '{{.Version}}' github.com/containerd/containerd/v2)
containerd="-X github.com/containerd/containerd/v2/version.Version=${containerd_version#v}"

# build OUTPUT PACKAGE LDFLAGS [FLAG...]
build() {
	output=$1 package=$2 ldflags=$3
	shift 3
	echo "build $output"
	go build "$@" -ldflags "-s -w $ldflags" -o "$output" "$package"
}

# runc filters system calls only where libseccomp's headers are there.
seccomp_tag() {
	if pkg-config --exists libseccomp 2>/dev/null; then echo seccomp; else echo no_seccomp; fi
}

mkdir -p bin/cni
for part in ${*:-bulkhead core runc cni containerd bulkheadd}; do
	case $part in
	bulkhead) CGO_ENABLED=0 build bin/bulkhead "./cmd/bulkhead" "$ours" ;;
	core) CGO_ENABLED=0 build bin/bulkhead-core ./cmd/bulkhead-core "" ;; # static: it is run in the host's root
	bulkheadd) build bin/bulkheadd "./cmd/bulkheadd" "$ours $theirs $containerd" ;;
	containerd) # with cgo like bulkheadd, so that both share what is compiled
		build bin/bulkhead-containerd ./cmd/bulkhead-containerd "$containerd"
		build bin/bulkhead-containerd-shim ./cmd/bulkhead-containerd-shim "$containerd"
		;;
	runc) CGO_ENABLED=1 build bin/runc github.com/opencontainers/runc "-X main.gitCommit=$(go list -m -f '{{.Version}}' github.com/opencontainers/runc)" -tags "$(seccomp_tag)" ;;
	cni)
		for plugin in main/bridge main/loopback ipam/host-local meta/portmap; do
			CGO_ENABLED=0 build "bin/cni/${plugin#*/}" "github.com/containernetworking/plugins/plugins/$plugin" ""
		done
		;;
	*)
		echo "build/build.sh: no part is called $part" >&2
		exit 2
		;;
	esac
done
