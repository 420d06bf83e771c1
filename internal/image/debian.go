package image

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Debian describes an image made of Debian packages. The lower layer holds the
// packages and everything that they depend on, so images of the same packages
// share it; the upper one holds accounts and Files.
//
// No maintainer script is run: what one would have made (alternatives, accounts,
// a database) has to come in Files and Users. Only the bundle of CA
// certificates is made here, where the package of that name is in.
type Debian struct {
	// Packages are names as `apt-get install` takes them, without recommended
	// ones. Packages that every Debian has, such as dash for /bin/sh or
	// coreutils, are nobody's dependency: name them where they are needed.
	Packages []string
	// Under are laid under the packages: they are what is there if no package
	// has a file of that path, such as links to busybox for missing tools.
	Under []File
	// Files are laid over the packages.
	Files []File
	// Users are accounts beside the system's own.
	Users []User
	// KeepDocs keeps manuals, documentation and translations. Licences
	// (usr/share/doc/*/copyright) are kept in any case.
	KeepDocs bool
	// Drop are patterns, as path.Match has them, of paths that are left out with
	// all that is below them: usr/lib/*/libLLVM*.
	Drop []string
}

// FromDebian makes an image of Debian packages on any machine that has apt-get
// and dpkg-deb, as any user. It reads the machine's package sources, prefers
// Debian's own archive where several offer a package, and leaves the machine's
// installed packages, lists and caches alone.
func FromDebian(ctx context.Context, packages []string, files []File, cfg Config) (v1.Image, error) {
	return Builder{}.FromDebian(ctx, Debian{Packages: packages, Files: files}, cfg)
}

// FromDebian makes an image of Debian packages; see the function of that name.
func (b Builder) FromDebian(ctx context.Context, d Debian, cfg Config) (v1.Image, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	base, err := Base(d.Users...)
	if err != nil {
		return nil, err
	}
	upper, err := treeOf(append(base, d.Files...))
	if err != nil {
		return nil, err
	}
	under, err := treeOf(d.Under)
	if err != nil {
		return nil, err
	}
	lower, err := b.packagesLayer(ctx, d)
	if err != nil {
		return nil, fmt.Errorf("assemble image of Debian packages %v: %w", d.Packages, err)
	}
	top, err := b.cache().layer(upper.throughUsrMerge())
	if err != nil {
		return nil, err
	}
	if len(under) == 0 {
		return cfg.build(lower, top)
	}
	bottom, err := b.cache().layer(under.throughUsrMerge())
	if err != nil {
		return nil, err
	}
	return cfg.build(bottom, lower, top)
}

func (b Builder) packagesLayer(ctx context.Context, d Debian) (v1.Layer, error) {
	a := apt{dir: filepath.Join(b.cacheDir(), "apt"), logf: b.logf}
	unlock, err := a.prepare(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	debs, err := a.closure(ctx, d.Packages)
	if err != nil {
		return nil, err
	}
	known := b.cache().path(debianKey(debs, d), ".packages")
	if diffID, err := os.ReadFile(known); err == nil {
		if l, ok := b.cache().get(string(diffID)); ok {
			return l, nil
		}
	}
	files, err := a.download(ctx, d.Packages, debs)
	if err != nil {
		return nil, err
	}
	b.logf("unpacking %d packages for %v", len(files), d.Packages)
	t, spool, err := unpackDebs(ctx, files, leaveOut{docs: !d.KeepDocs, patterns: d.Drop})
	if err != nil {
		return nil, err
	}
	defer spool.close()
	l, err := b.cache().layer(t)
	if err != nil {
		return nil, err
	}
	diffID, err := l.DiffID()
	if err != nil {
		return nil, err
	}
	return l, writeFileAtomic(known, []byte(diffID.Hex))
}

// debianFormat changes when the way packages become a layer does, so that
// cached layers of the old way are not used any more.
const debianFormat = 1

func debianKey(debs []deb, d Debian) string {
	sorted := slices.Clone(debs)
	slices.SortFunc(sorted, func(a, b deb) int { return slices.Compare([]string{a.File, a.Hash}, []string{b.File, b.Hash}) })
	h := sha256.New()
	// Encoding these types cannot fail.
	_ = json.NewEncoder(h).Encode(struct {
		Format   int
		KeepDocs bool
		Drop     []string
		Debs     []deb
	}{debianFormat, d.KeepDocs, d.Drop, sorted})
	return sum(h)
}
