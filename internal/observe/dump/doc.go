// Package dump reads what people send when something is broken, and makes records
// of it: a directory, an archive or one file, with the output of kubectl in any
// form (objects in JSON or YAML, tables, descriptions, logs, terminal logs with
// their prompts, one JSON object of command line → output), must-gather and
// `kubectl cluster-info dump` trees, alerts and audit logs, all side by side.
//
//	source → pieces → parse (in parallel) → finds → clock → merge → records
//
// A file is recognised by its content; its name is only a hint for the namespace
// and pod of a log. Ages in texts are relative: clock.go finds when each text was
// printed. All views of one object become one State.
//
// The rule: nothing is guessed. What cannot be read is in the Report, with its
// line; what is not shown is not set.
package dump
