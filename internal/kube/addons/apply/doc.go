// Package apply writes the API objects that an addon consists of.
//
// Each addon has a function Apply that server-side applies its objects under
// the field manager of this package; Retry carries it over an API server that
// is not up yet or that restarts. Its one rule: applying twice changes nothing.
package apply
