// Package relay carries what an agent's node observes to the server's journal.
//
//	agent:  sources -> Sender (Thinner -> queue -> batches) -> POST
//	server: POST -> Receiver (whose it is, what it had) -> diagnosis, journal
//
// A batch is a few records in the form of exports, with a number in its sender's
// stream. It is sent again until the server has it on disk; the number, and after a
// server's restart the journal itself, tell the server what it has had.
//
// The rule: Append never waits, whatever the server does. A node tells of itself and
// its pods only.
package relay
