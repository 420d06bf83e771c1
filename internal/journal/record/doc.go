// Package record says what one observation is: when, of which object, from
// which source, and what was seen. Sources make records, the journal keeps them,
// the diagnosis reads them; none of these know each other.
//
// A Record has one Payload; its type is the record's Type. Encode and Decode give
// the form of exports: one JSON object a line, with "type" and "payload".
//
// The rule: a record says what was observed, never what it means. What was not
// looked at is not observed: only a Listing or an Absence says that something is
// not there.
package record
