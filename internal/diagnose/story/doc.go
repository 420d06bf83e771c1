// Package story says a verdict to people: a story of about ten lines, a tree, or
// JSON. All are renderings of the same status; nothing is found out here.
//
// A story has a shape: what failed first, since when, how we know; how it spread;
// who is hit; what it is not; what to do.
package story
