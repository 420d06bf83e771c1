// Package config holds what an operator can set, as flags or in a YAML file
// whose keys are the flags' names.
//
// Flags are declared once, in AddFlags; LoadFile fills those that the command
// line left alone; Complete derives what is still empty; Validate refuses what
// cannot work. Its one rule: a setting has one name everywhere.
package config
