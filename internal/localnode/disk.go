package localnode

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// imageSize is that of an image whose file system has room for size bytes: ext4 takes
// an inode of 256 bytes for each 16 KiB, a journal, and tables.
func imageSize(size int64) int64 { return size + size/40 + journal + 16<<20 }

// journal is that of the file system, in bytes: the least that mkfs gives large ones
// is several times that.
const journal = 8 << 20

// MakeDisk makes the image of a disk. It takes room only as it is filled.
func (p Place) MakeDisk(ctx context.Context, size int64) error {
	file, err := os.OpenFile(p.Disk(), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("make the disk of node %s: %w", p.Name, err)
	}
	err = file.Truncate(imageSize(size))
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("make the disk of node %s: %w", p.Name, err)
	}
	return p.run(ctx, "mkfs.ext4", "-q", "-F", "-m", "0", "-i", "16384", "-I", "256", "-J", fmt.Sprintf("size=%d", journal>>20),
		"-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard", p.Disk())
}

// MountDisk mounts the disk on the data directory, if it is not. The loop device goes
// with the mount. What is deleted on the disk is given back to the file system that
// the image is on.
func (p Place) MountDisk(ctx context.Context) error {
	if err := os.MkdirAll(p.DataDir(), 0o700); err != nil {
		return fmt.Errorf("make the data directory of node %s: %w", p.Name, err)
	}
	if p.DiskMounted() {
		return nil
	}
	return p.run(ctx, "mount", "-t", "ext4", "-o", "loop,discard", p.Disk(), p.DataDir())
}

// DiskMounted says whether something is mounted on the data directory.
func (p Place) DiskMounted() bool {
	mounted, err := mountinfo.Mounted(p.DataDir())
	return err == nil && mounted
}

func (p Place) run(ctx context.Context, name string, args ...string) error {
	said, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("make the disk of node %s: %s: %w: %s", p.Name, name, err, strings.TrimSpace(string(said)))
	}
	return nil
}

// UnmountDisk takes the disk out of the tree, even if somebody still has a file open
// on it.
func (p Place) UnmountDisk() error {
	for p.DiskMounted() { // one may lie on another
		err := unix.Unmount(p.DataDir(), unix.UMOUNT_NOFOLLOW)
		if errors.Is(err, unix.EBUSY) {
			err = unix.Unmount(p.DataDir(), unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
		}
		if err != nil {
			return fmt.Errorf("unmount the disk of node %s: %w", p.Name, err)
		}
	}
	return nil
}
