#!/bin/sh
# A cluster with an application on it, from a clone: what `make up` does after
# the programs are built. BULKHEAD_FLAGS is given to `bulkhead up`; DATA_DIR is
# another data directory than the usual one.
# shellcheck disable=SC2086 # flags are words, and none if they are empty
set -eu
cd "$(dirname "$0")/.."
bulkhead=bin/bulkhead
data=${DATA_DIR:+--data-dir=$DATA_DIR}

# Without root, or where the kernel refuses containers, the control plane still
# runs, with nodes that are simulated.
simulate=
running=0
$bulkhead status $data >/dev/null 2>&1 || running=$?
if [ "$running" = 3 ] && ! report=$($bulkhead doctor $data 2>&1) && $bulkhead doctor $data --simulate >/dev/null 2>&1; then
	echo "Containers cannot run here:"
	echo "$report" | grep '^Failure' | sed 's/^Failure */  /'
	echo "Falling back to simulated nodes (bulkhead up --simulate)."
	simulate=--simulate
fi

$bulkhead up $data $simulate ${BULKHEAD_FLAGS:-}
exec go run ./examples/shop/deploy -bulkhead "$bulkhead" -data-dir "${DATA_DIR:-}"
