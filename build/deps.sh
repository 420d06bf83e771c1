#!/bin/sh
# Installs the Debian packages that Bulkhead is built with and runs on, those
# only that are missing. Needs root or sudo for that, and nothing where all is
# there.
set -eu
PATH=$PATH:/usr/sbin:/sbin

missing=
# needs PACKAGE TEST...: the package is missing if the test fails.
needs() {
	package=$1
	shift
	"$@" >/dev/null 2>&1 || missing="$missing $package"
}

# To build.
needs git command -v git
needs gcc command -v gcc
needs libc6-dev test -e /usr/include/stdlib.h
needs pkg-config command -v pkg-config
needs libseccomp-dev pkg-config --exists libseccomp
needs ca-certificates test -e /etc/ssl/certs/ca-certificates.crt
# To run.
needs mount command -v mount
needs nftables command -v nft
needs iptables command -v iptables
needs conntrack command -v conntrack
needs iproute2 command -v ip
needs e2fsprogs command -v mkfs.ext4 # disks of local nodes

if ! command -v go >/dev/null 2>&1; then
	echo "Go is missing: install the version that go.mod names from https://go.dev/dl" >&2
	exit 1
fi
if [ -z "$missing" ]; then
	exit 0
fi
echo "missing packages:$missing"
if ! command -v apt-get >/dev/null 2>&1; then
	echo "this is no Debian: install them (or what they are called here) yourself" >&2
	exit 1
fi
root=
if [ "$(id -u)" != 0 ]; then
	if ! command -v sudo >/dev/null 2>&1; then
		echo "as root: apt-get install$missing" >&2
		exit 1
	fi
	root=sudo
fi
echo "$root apt-get install --no-install-recommends$missing"
export DEBIAN_FRONTEND=noninteractive
# The lists may be old, or missing in a fresh container.
# shellcheck disable=SC2086 # the packages are words
$root apt-get -q install -y --no-install-recommends $missing ||
	{ $root apt-get -q update && $root apt-get -q install -y --no-install-recommends $missing; }
