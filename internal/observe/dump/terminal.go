package dump

import (
	"strings"

	"github.com/bulkhead-k8s/bulkhead/internal/lazyregexp"
)

// prompt is a line of a terminal log at which a command of kubectl was typed:
// what stands before the command is the prompt.
var prompt = lazyregexp.New(`^(\S*[\w.~/@:)\]-]*[$#>%❯➜]|\[[^\]]*\]\s?[$#>]|\(\S+\)\s\S*[$#>]|[^\s@]+@\S+?:?\s?\S*\s?[$#>%]|PS [^>]*>|➜\s+\S+|\+|={2,}|-{3,}|>{2,}|#{1,6})\s*(?:sudo\s+)?((?:kubectl|k|oc|kubecolor|k3s kubectl|microk8s kubectl|minikube kubectl)\s+(?:-\S+\s+\S+\s+)*(?:get|describe|logs?|top|events|cluster-info|version|config|apply|delete|rollout|scale|exec|api-resources|auth|explain|edit|patch|create|cordon|drain|uncordon|label|annotate)\b.*)$`)

// bareCommand is a command of kubectl without a prompt.
var bareCommand = lazyregexp.New(`^(?:sudo\s+)?(?:kubectl|oc|k3s kubectl|microk8s kubectl)\s+(?:-\S+\s+\S+\s+)*(?:get|describe|logs?|top|events|cluster-info|version|config|rollout|api-resources)\b`)

// shortCommand is the usual alias, which needs a whole command behind it.
var shortCommand = lazyregexp.New(`^k\s+(?:get|describe|logs?|top)\s+\S+`)

func isCommandLine(line string) bool {
	return len(line) < 2000 && (bareCommand.MatchString(line) || shortCommand.MatchString(line) || promptOf(line) != "")
}

// promptOf is the command typed at a line's prompt.
func promptOf(line string) string {
	if len(line) > 2000 || !strings.Contains(line, "k") {
		return ""
	}
	if m := prompt.FindStringSubmatch(strings.TrimRight(line, " \t\r")); m != nil {
		return strings.TrimRight(m[2], "= -")
	}
	return ""
}

func hasPrompt(s string) bool {
	for len(s) > 0 {
		line, rest, _ := strings.Cut(s, "\n")
		if promptOf(line) != "" {
			return true
		}
		s = rest
	}
	return false
}

// typed is a command with its output in a terminal log.
type typed struct {
	command string
	output  string
	raw     []byte // the output as JSON, in place of output
	line    int    // of the output's first line, from 0
}

// splitTerminal parts a terminal log at its prompts. What stands before the
// first is an output without a command.
func splitTerminal(text string) []typed {
	lines := strings.Split(text, "\n")
	prefixes := promptPrefixes(lines)
	var out []typed
	start, cmd := 0, ""
	flush := func(end int) {
		if cmd != "" || strings.TrimSpace(strings.Join(lines[start:end], "")) != "" {
			out = append(out, typed{command: cmd, output: strings.Join(lines[start:end], "\n"), line: start})
		}
	}
	for i := 0; i < len(lines); i++ {
		c := promptOf(lines[i])
		if c == "" && bareCommand.MatchString(lines[i]) {
			c = strings.TrimSpace(lines[i])
		}
		if c == "" {
			c = otherCommand(lines[i], prefixes)
		}
		if c == "" {
			continue
		}
		flush(i)
		// A command goes on in the next line after a backslash.
		for strings.HasSuffix(c, `\`) && i+1 < len(lines) {
			i++
			c = strings.TrimSuffix(c, `\`) + " " + strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(lines[i]), ">"))
		}
		cmd, start = c, i+1
	}
	flush(len(lines))
	return out
}

// promptPrefixes are the prompts before kubectl's commands; the same prompts
// stand before other programs' commands.
func promptPrefixes(lines []string) []string {
	var out []string
	seen := map[string]bool{}
	for _, l := range lines {
		c := promptOf(l)
		if c == "" {
			continue
		}
		p := l[:strings.Index(l, strings.Fields(c)[0])]
		if i := strings.LastIndex(p, "sudo "); i >= 0 {
			p = p[:i]
		}
		// The directory changes; the user and the machine do not.
		if i := strings.IndexByte(p, ':'); i > 0 && strings.Contains(p[:i], "@") {
			p = p[:i+1]
		}
		if t := strings.TrimSpace(p); t != "" && strings.Trim(t, "#=-+>") != "" && !seen[p] {
			seen[p] = true
			out = append(out, p)
		}
	}
	return out
}

// otherCommand is another program's command at a known prompt; "-" for an empty
// prompt.
func otherCommand(line string, prefixes []string) string {
	for _, p := range prefixes {
		if !strings.HasPrefix(line, p) && line != strings.TrimRight(p, " ") {
			continue
		}
		rest := strings.TrimPrefix(line, p)
		if strings.HasSuffix(p, ":") {
			i := strings.IndexAny(rest, "$#>%")
			if i < 0 {
				continue
			}
			rest = rest[i+1:]
		}
		if rest = strings.TrimSpace(rest); rest == "" || line == strings.TrimRight(p, " ") {
			return "-"
		}
		return rest
	}
	return ""
}
