// Package block encodes records into blocks and reads them back.
//
// A block explains itself: it has its strings, object references and owner chains
// once, the names and kinds of its payloads' fields, then one column each for the
// records' times, types, objects, owners, nodes and sources, then the payloads.
// So a reader can filter by the columns without decoding payloads, and a block
// that another version wrote loses only the fields that this one does not know.
//
// Blocks are not compressed and have no checksum: that is their container's work.
package block
