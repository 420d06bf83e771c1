// Package sandbox assembles the image of the container that holds a pod's
// namespaces open, so that no pause image has to be pulled, stored or compiled.
//
// program.go emits the program, a static ELF of a few hundred bytes, for each
// architecture from a table of instructions; image.go wraps it in an OCI image.
// Its one rule: the same input gives the same bytes, so that the image has one
// digest for ever.
package sandbox
