// Package testimages assembles the container images that upstream's
// conformance specs use, under the names that they expect: programs from the
// modules of Kubernetes and etcd, tools and servers from Debian packages.
//
// One function makes one image; the table in images.go says which image gets
// it. Its one rule: an image does what the specs ask of the original, by the
// same means (a real nginx is nginx), and nothing is faked for a spec to pass.
package testimages
