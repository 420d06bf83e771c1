// Package image assembles OCI images without a daemon, a registry or root: from
// a directory, from single files such as static Go binaries, and from Debian
// packages with everything that they depend on.
//
// Input becomes a tree of entries; a tree is written as one layer (sorted,
// fixed times and owners) into a cache of layers; layers and a Config make an
// image; WriteArchive puts images into a tar file that containerd, docker and
// `bulkhead image import` read.
//
// Its one rule: the same input gives the same digest, on every machine.
package image
