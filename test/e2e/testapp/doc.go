// Command testapp is the one program in the image of the end-to-end tests. Its
// first argument says what it is: a web server that tests steer over HTTP
// (serve), an admission webhook (webhook), or a small tool (sleep, stay, stop, exit,
// panic, echo, cat, write, tar).
//
// It uses the standard library alone, so that its image is small and quickly
// built.
package main
