#!/bin/sh
# The war story: a server that crashes on some requests, and what `bulkhead why` says
# of it. It is played on the cluster that runs, or else on one that is started for it
# and stopped again. DATA_DIR is another data directory than the usual one,
# BULKHEAD_FLAGS is given to `bulkhead up`.
# shellcheck disable=SC2086 # flags are words, and none if they are empty
set -eu
cd "$(dirname "$0")/.."
bulkhead=bin/bulkhead
data=${DATA_DIR:+--data-dir=$DATA_DIR}

running=0
$bulkhead status $data >/dev/null 2>&1 || running=$?
if [ "$running" = 3 ]; then
	$bulkhead up $data ${BULKHEAD_FLAGS:-}
	trap "$bulkhead down $data" EXIT
fi
go run ./examples/warstory/demo -bulkhead "$bulkhead" -data-dir "${DATA_DIR:-}"
