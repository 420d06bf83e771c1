#!/bin/sh
# A cluster with an application on it, from a clone: what `make up` does after
# the programs are built. BULKHEAD_FLAGS is given to `bulkhead up`.
set -eu
cd "$(dirname "$0")/.."
bulkhead=bin/bulkhead

# Without root, or where the kernel refuses containers, the control plane still
# runs, with nodes that are simulated.
simulate=
running=0
$bulkhead status >/dev/null 2>&1 || running=$?
if [ "$running" = 3 ] && ! report=$($bulkhead doctor 2>&1) && $bulkhead doctor --simulate >/dev/null 2>&1; then
	echo "Containers cannot run here:"
	echo "$report" | grep '^Failure' | sed 's/^Failure */  /'
	echo "Falling back to simulated nodes (bulkhead up --simulate)."
	simulate=--simulate
fi

# shellcheck disable=SC2086 # the flags are words
$bulkhead up $simulate ${BULKHEAD_FLAGS:-}
exec go run ./examples/shop/deploy -bulkhead "$bulkhead"
