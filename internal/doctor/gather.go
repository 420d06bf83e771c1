package doctor

import (
	"context"
	"errors"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
)

// errNotTried indicates that a probe needs rights that this process lacks; the
// check of the rights says what to do.
var errNotTried = errors.New("that takes root")

// Gather reads this machine's state for a cluster with the settings of c. With
// slow it also reads what takes long, and matters to the doctor only. It leaves
// nothing behind: what has to be tried is tried in namespaces of its own.
func Gather(ctx context.Context, c *config.Config, slow bool) *Host {
	host := &Host{OS: runtime.GOOS, Now: time.Now(), BuildTime: buildTime()}
	gather(ctx, c, slow, host)
	return host
}

// buildTime is that of the commit which this program was built from, or when
// its file was written.
func buildTime() time.Time {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.time" {
				t, _ := time.Parse(time.RFC3339, setting.Value) // zero: not known
				return t
			}
		}
	}
	path, err := os.Executable()
	if err != nil {
		return time.Time{}
	}
	file, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return file.ModTime()
}
