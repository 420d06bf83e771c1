// Package simulate plays nodes that exist in the API only, for `bulkhead up
// --simulate` and for tests of scale: pods go through their life without
// containers.
//
// Node objects are made and kept ready by Leases; every pod that is bound to one
// goes into decide, a pure function, which answers with the status that a
// kubelet would report by now, with when to look again, or with the pod's
// removal. Its one rule: only nodes with the label LabelSimulated, and their
// pods, are touched.
//
// It is kwok's approach and not kwok's code. As a library, kwok v0.8.0 adds 46
// packages to the daemon (gojq, sprig, its own CEL environment among them),
// evaluates templates for each pod, and fetches the API's OpenAPI document before
// it starts: all of it for stages that users can write. Here the one life that
// pods have is a function of some lines, tested by tables.
package simulate
