// Package page draws a verdict as one HTML page that stands alone: styles and
// drawings are in it, nothing is loaded from elsewhere, and no script runs.
//
// page.go fills page.html; chain.go and timeline.go lay out the drawings. It is a
// rendering of the same status as the story; nothing is found out here.
package page
