// Package openapi serves the API server's own OpenAPI documents without making
// them before somebody asks.
//
// Upstream makes both versions at every start, before it serves: 40 % of the
// processor time until then, and tens of megabytes. Version 2 is hardly asked
// for any more, version 3 by the first `kubectl apply` or `explain`. What the
// documents say, and how, is upstream's code as it is.
//
// Only the list of version 3 documents is asked for all the time, by the
// aggregator once a second and by an admission plugin. It needs names alone:
// the hashes in it say which run of the server made the documents instead of
// what is in them, and upstream's handler leads from there to the true ones.
package openapi
