package testimages

import (
	"context"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/image"
)

// applets of Debian's busybox-static that a container can use.
const applets = `[ [[ ar arp arping ascii ash awk base64 basename bc brctl bunzip2 bzcat bzip2 cal cat chgrp chmod chown chroot
clear cmp cp cpio crc32 cut date dc dd df diff dirname dmesg dnsdomainname dos2unix du echo ed egrep env expand expr
factor fallocate false fatattr fgrep find fold free fsync ftpget ftpput getopt grep groups gunzip gzip head hexdump hostid
hostname httpd id ifconfig ionice ip ipcalc kill killall last less link ln logger logname ls lsof lzcat lzma md5sum
microcom mkdir mkfifo mknod mkpasswd mktemp more mount mountpoint mt mv nc netstat nice nl nohup nproc nsenter nslookup
od paste patch pgrep pidof ping ping6 pkill printf ps pwd rdate readlink realpath renice reset resize rev rm rmdir route
run-parts sed seq setpriv setsid sh sha1sum sha256sum sha3sum sha512sum shred shuf sleep sort split stat strings stty su
sync sysctl tac tail tar taskset tee telnet test tftp time timeout top touch tr traceroute traceroute6 true truncate ts
tty umount uname uncompress unexpand uniq unix2dos unlink unlzma unshare unxz unzip uptime usleep uudecode uuencode vi w
watch wc wget which who whoami xargs xxd xz xzcat yes zcat`

// busyboxLinks gives each applet its name.
func busyboxLinks() []image.File {
	var links []image.File
	for name := range strings.FieldsSeq(applets) {
		links = append(links, image.File{Path: "/bin/" + name, Link: "busybox"})
	}
	return links
}

// shell makes /bin/sh a bash, static or not. Debian's busybox would not do: its
// shell runs its own applets before looking at PATH (nc without UDP instead of
// the real one), and it drops variables such as data-1, which a ConfigMap may
// well have.
func shell(bash string) image.File { return image.File{Path: "/bin/sh", Link: bash} }

func busybox(ctx context.Context, m maker) (v1.Image, error) {
	return m.busyboxAs(ctx, "")
}

// nonRoot is an image whose own user is 1234.
func nonRoot(ctx context.Context, m maker) (v1.Image, error) {
	return m.busyboxAs(ctx, "1234")
}

func (m maker) busyboxAs(ctx context.Context, user string) (v1.Image, error) {
	return m.FromDebian(ctx, image.Debian{
		Packages: []string{"busybox-static", "bash-static"},
		Under:    busyboxLinks(),
		Files:    []image.File{shell("bash-static")},
	}, m.config(image.Config{Cmd: []string{"sh"}, User: user}))
}

// glibcDNSTesting has glibc's resolver and dig.
func glibcDNSTesting(ctx context.Context, m maker) (v1.Image, error) {
	return m.FromDebian(ctx, image.Debian{
		Packages: []string{"busybox-static", "bash", "bind9-dnsutils", "libc-bin"},
		Under:    busyboxLinks(),
		Files:    []image.File{shell("bash")},
	}, m.config(image.Config{Cmd: []string{"bash"}}))
}
