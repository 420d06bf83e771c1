// Package programpages gives back the pages of the running program's file that
// its start has touched and that nothing needs afterwards: the code and tables
// of what is set up once.
//
// What is used again is read again from the file, some 50 times within the first
// minute where it was measured. Only mappings whose pages are all as in the file
// are let go, so that nothing can be lost.
//
// Unmapping alone would not do: a file that was written in one go, as a build or
// an installation does, is cached in pages of two megabytes, and since Linux 6.18
// a single fault maps the whole of such a page.
package programpages
