// Package nodeops is what people do with nodes: drain them, take them back, remove
// them, and see to it that they are upgraded one at a time. Draining is kubectl's
// own. Its one rule: what it did to a node before it failed, it says.
package nodeops
