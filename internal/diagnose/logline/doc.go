// Package logline says what a line of an application's log tells about a failure:
// which pattern it follows and which address, user, path or port it names.
//
// Patterns is a table; a row is found by a literal first, since most lines of a
// log follow no pattern, and by its expression then. What a line means for the
// cluster is not decided here.
package logline
