// Package graph joins facts by the rules into a causal graph and reads the
// incidents from it: which facts belong together, which of them nothing
// explains, how sure that is, whom it reached, what it is not.
//
// The rule: an edge needs a rule, two objects in the rule's relation, and a cause
// that still holds or held when its effect began. Time alone makes no edge.
package graph
