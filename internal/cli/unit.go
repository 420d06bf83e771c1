package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
)

// unitDir is where an administrator's units belong (systemd.unit(5)).
const unitDir = "/etc/systemd/system"

// unit is the systemd unit of one data directory.
type unit struct {
	name string
	path string
}

// unitFor returns the unit that belongs to c, installed or not.
func unitFor(c *config.Config) *unit {
	name := clusterName(c) + ".service"
	return &unit{name: name, path: filepath.Join(unitDir, name)}
}

// findUnit returns the unit of c if it is installed and systemd runs, else nil.
func findUnit(c *config.Config) *unit {
	u := unitFor(c)
	data, err := os.ReadFile(u.path)
	if err != nil || !systemdRuns() || !strings.Contains(string(data), quoteUnitWord("--data-dir="+c.DataDir)) {
		return nil
	}
	return u
}

// systemdRuns says whether systemd is this machine's init (sd_booted(3)).
func systemdRuns() bool {
	info, err := os.Lstat("/run/systemd/system")
	return err == nil && info.IsDir()
}

// unitText is the unit that runs program with args.
func unitText(program string, args []string) string {
	words := []string{quoteUnitWord(program)}
	for _, arg := range args {
		words = append(words, quoteUnitWord(arg))
	}
	return `[Unit]
Description=Bulkhead: Kubernetes in one daemon
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
ExecStart=` + strings.Join(words, " ") + `
# Containers are not the daemon: they go on while it is restarted.
KillMode=process
Delegate=yes
Restart=always
RestartSec=2s
TimeoutStartSec=5min
TimeoutStopSec=2min
LimitNOFILE=1048576
LimitCORE=infinity
TasksMax=infinity

[Install]
WantedBy=multi-user.target
`
}

var plainUnitWord = regexp.MustCompile(`^[A-Za-z0-9_./:=@+,-]+$`)

// quoteUnitWord makes systemd read text as one word, as it is (systemd.service(5),
// "Command lines": % is a specifier, $ a variable, \ an escape).
func quoteUnitWord(text string) string {
	if plainUnitWord.MatchString(text) {
		return text
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `%`, `%%`, `$`, `$$`, "\n", `\n`).Replace(text) + `"`
}

func (u *unit) start(ctx context.Context) error {
	// Without waiting: we follow the start ourselves.
	return systemctl(ctx, "start", "--no-block", u.name)
}

func (u *unit) stop(ctx context.Context) error { return systemctl(ctx, "stop", u.name) }

// install writes the unit, enables it and, with now, starts it.
func (u *unit) install(ctx context.Context, text string, now bool) error {
	temporary := u.path + ".new"
	if err := os.WriteFile(temporary, []byte(text), 0o644); err != nil {
		return fmt.Errorf("write the unit (as root?): %w", err)
	}
	if err := os.Rename(temporary, u.path); err != nil {
		return fmt.Errorf("write the unit: %w", err)
	}
	if err := systemctl(ctx, "daemon-reload"); err != nil {
		return err
	}
	if err := systemctl(ctx, "enable", u.name); err != nil {
		return err
	}
	if now {
		return u.start(ctx)
	}
	return nil
}

// uninstall stops the unit and removes it; containers go on.
func (u *unit) uninstall(ctx context.Context) error {
	if err := systemctl(ctx, "disable", "--now", u.name); err != nil {
		return err
	}
	if err := os.Remove(u.path); err != nil {
		return fmt.Errorf("remove the unit: %w", err)
	}
	return systemctl(ctx, "daemon-reload")
}

// reason is why the unit's daemon ended last, from the journal.
func (u *unit) reason(ctx context.Context) string {
	data, err := exec.CommandContext(ctx, "journalctl", "--unit", u.name, "--output", "cat", "--lines", "100").Output()
	if err != nil {
		return "the journal cannot be read: " + err.Error()
	}
	return lastError(string(data))
}

func systemctl(ctx context.Context, args ...string) error {
	output, err := exec.CommandContext(ctx, "systemctl", args...).CombinedOutput()
	if err == nil {
		return nil
	}
	if said := strings.TrimSpace(string(output)); said != "" {
		err = errors.New(said)
	}
	return fmt.Errorf("systemctl %s: %w", strings.Join(args, " "), err)
}
