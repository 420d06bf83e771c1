// Package stack walks the stack of a thread of a stopped process and names its
// frames: C, C++ and Rust by call frame information (.eh_frame) and the symbol
// tables, Go by its own tables, what has neither (V8's built-ins and generated
// code) by frame pointers.
//
// Memory is read from the process, the files through /proc/<pid>/map_files, which
// works for other mount namespaces and for files that were deleted.
//
// Its one rule: a frame that can't be named is given by its address and module;
// nothing is guessed.
package stack
