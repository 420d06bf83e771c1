package dump

import (
	"path"
	"strings"

	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/resource"
)

// command is a command line of kubectl, as far as it says what its output is.
type command struct {
	line string
	verb string // get, describe, logs, top, events or another; "" if it is not kubectl's
	// program is the first word of another program's line.
	program string
	kinds   []resource.Kind
	all     bool // kubectl get all
	names   []string
	// namespace is that of -n; everywhere says that -A was given.
	namespace  string
	everywhere bool
	output     string // -o
	selector   string // -l
	filtered   bool   // --field-selector
	container  string
	previous   bool
	piped      bool // the output went through another program
}

// listing tells whether the output has all objects of its kinds.
func (c command) listing() bool {
	return (c.verb == "get" || c.verb == "describe") && len(c.names) == 0 && !c.piped && !c.filtered && len(c.kinds) > 0
}

// parseCommand reads a command line.
func parseCommand(line string, names *resource.Names) command {
	c := command{line: strings.TrimSpace(line)}
	words := c.words()
	for len(words) > 0 && (words[0] == "sudo" || strings.Contains(words[0], "=") && !strings.HasPrefix(words[0], "-")) {
		words = words[1:]
	}
	if len(words) == 0 {
		return c
	}
	c.program = path.Base(words[0])
	words = words[1:]
	switch c.program {
	case "k3s", "microk8s", "minikube", "rke2":
		if len(words) == 0 || words[0] != "kubectl" {
			return c
		}
		words = words[1:]
	case "microk8s.kubectl", "kubectl", "kubectl.exe", "k", "oc", "kubecolor":
	default:
		return c
	}
	var args []string
	args = c.flags(words)
	if len(args) == 0 {
		return c
	}
	c.verb = strings.TrimSuffix(args[0], "s")
	if c.verb == "log" {
		c.verb = "logs"
	}
	if c.verb == "event" {
		c.verb = "get"
		args = []string{"get", "events"}
	}
	c.arguments(args[1:], names)
	return c
}

// words splits the line up to what it is piped to or written into.
func (c *command) words() []string {
	words := shellWords(c.line)
	for i, w := range words {
		switch {
		case w == "|":
			c.pipe(words[i:])
			return words[:i]
		case w == ";", w == "&&", w == "||", w == "&", strings.HasPrefix(w, ">"), w == "2>", w == "2>&1", w == "2>/dev/null":
			return words[:i]
		}
	}
	return words
}

// shellWords splits at spaces outside of quotes. It expands nothing: the line
// comes from outside.
func shellWords(line string) []string {
	var words []string
	var word strings.Builder
	quote, open := byte(0), false
	end := func() {
		if open {
			words = append(words, word.String())
			word.Reset()
			open = false
		}
	}
	for i := 0; i < len(line); i++ {
		b := line[i]
		switch {
		case quote != 0 && b == quote:
			quote = 0
		case quote == 0 && (b == '"' || b == '\''):
			quote, open = b, true
		case b == '\\' && quote != '\'' && i+1 < len(line):
			i++
			word.WriteByte(line[i])
			open = true
		case quote == 0 && (b == ' ' || b == '\t'):
			end()
		case quote == 0 && (b == '|' || b == ';') && !open:
			words = append(words, string(b))
		case quote == 0 && (b == '|' || b == ';'):
			end()
			words = append(words, string(b))
		default:
			word.WriteByte(b)
			open = true
		}
	}
	end()
	return words
}

// pipe tells pipes that leave all lines there from those that do not.
func (c *command) pipe(words []string) {
	for i, w := range words {
		if w != "|" || i+1 == len(words) {
			continue
		}
		switch words[i+1] {
		case "cat", "tee", "less", "more", "sort":
		default:
			c.piped = true
		}
	}
}

// flags reads the flags and gives what is left.
func (c *command) flags(words []string) (args []string) {
	for i := 0; i < len(words); i++ {
		w := words[i]
		if !strings.HasPrefix(w, "-") || w == "-" {
			args = append(args, w)
			continue
		}
		name, value, has := strings.Cut(w, "=")
		if !strings.HasPrefix(w, "--") && !has && len(w) > 2 && strings.ContainsRune("nolc", rune(w[1])) {
			name, value, has = w[:2], w[2:], true
		}
		if !has && takesValue(name) && i+1 < len(words) {
			i++
			value = words[i]
		}
		c.flag(name, value)
	}
	return args
}

// takesValue are the flags whose value may be the next word.
func takesValue(name string) bool {
	switch name {
	case "-n", "--namespace", "-o", "--output", "-l", "--selector", "-c", "--container", "--field-selector", "--sort-by",
		"--context", "--kubeconfig", "--cluster", "--user", "-L", "--label-columns", "--tail", "--since", "--since-time", "--for",
		"--chunk-size", "-f", "--filename", "--types", "-s", "--server", "--as", "-v", "--limit-bytes", "--request-timeout", "--token":
		return name != "-f"
	}
	return false
}

func (c *command) flag(name, value string) {
	switch name {
	case "-n", "--namespace":
		c.namespace = value
	case "-A", "--all-namespaces":
		c.everywhere = value != "false"
	case "-o", "--output":
		c.output, _, _ = strings.Cut(value, "=")
	case "-l", "--selector":
		c.selector = value
	case "--field-selector", "--types", "--for":
		c.filtered = true
	case "-c", "--container":
		c.container = value
	case "-p", "--previous":
		c.previous = value != "false"
	}
}

// arguments reads KIND NAME…, KIND/NAME… and KIND,KIND.
func (c *command) arguments(args []string, names *resource.Names) {
	if c.verb == "top" && len(args) > 0 && strings.HasPrefix(args[0], "po") {
		args[0] = "pods"
	}
	for i, a := range args {
		kind, name, slash := strings.Cut(a, "/")
		switch {
		case slash:
			if k, ok := names.Find(kind); ok {
				c.kinds = append(c.kinds, k)
				c.names = append(c.names, name)
			}
		case c.verb == "logs":
			if len(c.names) == 0 {
				c.names = append(c.names, a)
			} else if c.container == "" {
				c.container = a
			}
		case i == 0 && a == "all":
			c.all = true
		case i == 0:
			for _, n := range strings.Split(a, ",") {
				if k, ok := names.Find(n); ok {
					c.kinds = append(c.kinds, k)
				}
			}
		default:
			c.names = append(c.names, a)
		}
	}
}

// kind is the output's kind, where it has only one.
func (c command) kind() resource.Kind {
	if len(c.kinds) == 1 {
		return c.kinds[0]
	}
	return resource.Kind{}
}
