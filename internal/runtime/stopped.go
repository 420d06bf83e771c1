package runtime

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Stopped is an end of all containers here that was not their own.
type Stopped struct {
	// Rebooted says that the machine was started anew; else StopPods ended them.
	Rebooted bool `json:"rebooted,omitempty"`
	// At is when it began: what ran before is what it ended.
	At time.Time `json:"at"`
}

// oneStop is how long a stop may take, with all that are asked for because the one
// before was cut off.
const oneStop = 10 * time.Minute

// noteStopped keeps it for the next start. What goes on began when it was first noted.
func (r *Runtime) noteStopped(s Stopped) error {
	if last, err := r.Stopped(); err == nil && last != nil && s.At.Sub(last.At) < oneStop {
		return nil
	}
	data, err := json.Marshal(s)
	if err == nil {
		_, err = writeFile(r.paths.Stopped, data, 0o600)
	}
	if err != nil {
		return fmt.Errorf("note the end of all containers: %w", err)
	}
	return nil
}

// Stopped is how all containers ended since ForgetStopped was last called; nil if
// they did not. It is known once Ready is closed.
func (r *Runtime) Stopped() (*Stopped, error) {
	data, err := os.ReadFile(r.paths.Stopped)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	s := new(Stopped)
	if err == nil {
		err = json.Unmarshal(data, s)
	}
	if err != nil {
		return nil, fmt.Errorf("read when all containers ended: %w", err)
	}
	return s, nil
}

// ForgetStopped is for who has passed on what Stopped says.
func (r *Runtime) ForgetStopped() error {
	if err := os.Remove(r.paths.Stopped); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forget when all containers ended: %w", err)
	}
	return nil
}
