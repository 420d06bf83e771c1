package cli

import (
	"io"
	"os"
	"regexp"
	"strings"
)

// logView is a log file from where one start of the daemon begins in it.
type logView struct {
	path   string
	offset int64
}

// maxReason bounds what is read of a log to find why the daemon ended.
const maxReason = 256 << 10

// reason returns why the daemon ended according to its log, or "".
func (v logView) reason() string {
	file, err := os.Open(v.path)
	if err != nil {
		return ""
	}
	defer file.Close()
	offset := v.offset
	if info, err := file.Stat(); err == nil && info.Size()-maxReason > offset {
		offset = info.Size() - maxReason
	}
	data, err := io.ReadAll(io.NewSectionReader(file, offset, maxReason))
	if err != nil {
		return ""
	}
	return lastError(string(data))
}

// klogError is a line of klog's with severity error or fatal.
var klogError = regexp.MustCompile(`^[EF]\d{4} [\d:.]+ +\d+ [^\]]+\] (.*)$`)

// lastError finds the one line of a log that says why its writer ended: what
// bulkheadd's main prints, a panic, else the last error, else the last line.
func lastError(log string) string {
	lines := strings.Split(strings.TrimRight(log, "\n"), "\n")
	var last, lastError string
	for i, line := range lines {
		if reason, found := strings.CutPrefix(line, daemonName+": "); found {
			// Several reasons have a line each, and nothing comes after them.
			return strings.Join(append([]string{reason}, lines[i+1:]...), "\n")
		}
		if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
			return line
		}
		if match := klogError.FindStringSubmatch(line); match != nil {
			lastError = match[1]
		}
		if strings.TrimSpace(line) != "" {
			last = line
		}
	}
	if lastError != "" {
		return lastError
	}
	return last
}
