// Package warstory is an application that fails as one did in public: a Node.js
// server that aborts, with a core dump, on requests with certain characters, behind
// a Service, under steady traffic, until a campaign begins to send such requests.
//
//	images, manifests -> Play: server and visitors, then the campaign
//	                     -> when the first container crashed, when the cause was named
//
// Play works on any cluster of Bulkhead's that a command line reaches; a demo, a test
// and a benchmark use it. Its one rule: when the first crash was is taken from the
// containers' own states, not from what the diagnosis says.
package warstory
