// Package answer answers what people ask the daemon: what failed first, now or at
// a past time, and how an object was.
//
// Now is what the incident controller knows; the past is read from the journal.
// Its one rule: an answer says what it could not see.
package answer
