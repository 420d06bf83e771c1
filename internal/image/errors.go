package image

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrNoApt indicates that this machine has no tools to fetch and read
	// Debian packages.
	ErrNoApt = errors.New("no tools for Debian packages")
	// ErrUnknownPackage indicates that no source of this machine has a package.
	ErrUnknownPackage = errors.New("unknown Debian package")
	// ErrOffline indicates that packages or lists could not be fetched.
	ErrOffline = errors.New("cannot reach the Debian archive")
)

// aptError sorts a failure by what apt-get wrote about it.
func aptError(command string, err error, stderr string) error {
	var lines []string
	for line := range strings.Lines(stderr) {
		if l := strings.TrimSpace(line); strings.HasPrefix(l, "E:") || strings.HasPrefix(l, "Err:") {
			lines = append(lines, strings.TrimSpace(strings.TrimPrefix(l, "E:")))
		}
	}
	said := strings.Join(lines, "; ")
	if said == "" {
		said = strings.TrimSpace(stderr)
	}
	switch {
	case strings.Contains(said, "Unable to locate package"), strings.Contains(said, "has no installation candidate"),
		strings.Contains(said, "Couldn't find any package"):
		return fmt.Errorf("%w: %s; check its name for this machine's release (see /etc/apt/sources.list*)", ErrUnknownPackage, said)
	case strings.Contains(said, "Failed to fetch"), strings.Contains(said, "Temporary failure resolving"),
		strings.Contains(said, "Could not connect"), strings.Contains(said, "Could not resolve"),
		strings.Contains(said, "Unable to fetch some"), strings.Contains(said, "Some index files failed"):
		return fmt.Errorf("%w: %s; check the network and the proxy settings of apt", ErrOffline, said)
	case said == "":
		return fmt.Errorf("run %s: %w", command, err)
	}
	return fmt.Errorf("run %s: %w: %s", command, err, said)
}
