package reset

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// mounts are those below directories of ours.
type mounts struct {
	roots []string
	// below is the whole data directory, in which an operator may have mounted
	// something.
	below string
}

func (m mounts) find(context.Context) ([]Item, error) {
	points, err := mountPoints()
	if err != nil {
		return nil, err
	}
	var items []Item
	for _, point := range ownMounts(points, m.roots) {
		items = append(items, Item{KindMount, point})
	}
	return items, nil
}

// mount is a place where something is mounted.
type mount struct {
	point string
	// ofItself says that a directory is mounted on itself. The kubelet does that
	// to its own, so that mounts in it reach containers.
	ofItself bool
}

// mountPoints returns all mounts of our mount namespace, in the order of
// mounting.
func mountPoints() ([]mount, error) {
	all, err := mountinfo.GetMounts(nil)
	if err != nil {
		return nil, fmt.Errorf("list mounts: %w", err)
	}
	var points []mount
	for _, m := range all {
		// The root is the directory's path in its file system, which may itself
		// be mounted below /.
		points = append(points, mount{m.Mountpoint, m.Root != "/" && strings.HasSuffix(m.Mountpoint, m.Root)})
	}
	return points, nil
}

// ownMounts returns the mount points below the roots, in the order in which
// they can be unmounted: what was mounted last, and so on top, comes first. A
// root itself is ours only if it is mounted on itself: an operator may have
// given us a disk there.
func ownMounts(mounts []mount, roots []string) []string {
	var own []string
	for _, m := range slices.Backward(mounts) {
		if slices.ContainsFunc(roots, func(root string) bool {
			return isBelow(m.point, root) || m.ofItself && m.point == strings.TrimSuffix(root, "/")
		}) {
			own = append(own, m.point)
		}
	}
	return own
}

// isBelow says whether path is strictly below directory.
func isBelow(path, directory string) bool {
	return strings.HasPrefix(path, strings.TrimSuffix(directory, "/")+"/") && path != directory
}

func (m mounts) remove(context.Context) error {
	points, err := mountPoints()
	if err != nil {
		return err
	}
	var errs []error
	for _, point := range ownMounts(points, m.roots) {
		errs = append(errs, unmount(point))
	}
	return errors.Join(errs...)
}

// unmount takes a mount out of the tree at once, even if somebody still has a
// file open in it.
func unmount(point string) error {
	err := unix.Unmount(point, unix.UMOUNT_NOFOLLOW)
	if errors.Is(err, unix.EBUSY) {
		err = unix.Unmount(point, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	}
	// EINVAL: it went with another one, as mounts that propagate do.
	if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("unmount %s: %w", point, err)
	}
	return nil
}

// left returns what is still mounted in the data directory or on it, ours or
// not.
func (m mounts) left() ([]string, error) {
	points, err := mountPoints()
	if err != nil {
		return nil, err
	}
	left := ownMounts(points, append([]string{m.below}, m.roots...))
	if slices.ContainsFunc(points, func(other mount) bool { return other.point == m.below }) && !slices.Contains(left, m.below) {
		left = append(left, m.below)
	}
	return left, nil
}
