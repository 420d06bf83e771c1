package cli

import (
	"io"
	"os"

	"golang.org/x/term"
)

// color is an SGR sequence (ECMA-48).
type color string

const (
	red    color = "\x1b[31m"
	green  color = "\x1b[32m"
	yellow color = "\x1b[33m"
	faint  color = "\x1b[2m"
	plain  color = "\x1b[0m"
)

// isTerminal says whether a person looks at w.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd())) && os.Getenv("TERM") != "dumb"
}

// paint colours text for w if it is a terminal and the user has not declined
// (https://no-color.org).
func (a *app) paint(w io.Writer, c color, text string) string {
	if os.Getenv("NO_COLOR") != "" || !isTerminal(w) {
		return text
	}
	return string(c) + text + string(plain)
}
