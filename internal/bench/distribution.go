package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/pungo-build/pungo/internal/rpm"
)

// distribution is an invented one, always the same. Five packages in a row are
// built from one source: the source package, three binary ones, and debuginfo.
// What a package requires is in the distribution, in its own set, and for its
// own arch.
type distribution struct {
	packages int
	arches   []string // of builds, by turns
	sets     int      // packages of set 3 are called "set3-..."
	files    int      // of a binary package
}

const (
	perBuild = 5
	// built is when the first package was, 2024-01-01.
	built = 1704067200
)

// binaries are what the names of the packages of a build end in, by place in it.
// "" twice: the source package has the name of the first.
var suffixes = [perBuild]string{"", "", "-libs", "-devel", "-debuginfo"}

// perSet is how many packages a set has; the last may have more.
func (d distribution) perSet() int { return max(d.packages/d.sets/perBuild, 1) * perBuild }

func (d distribution) set(i int) int { return min(i/d.perSet(), d.sets-1) }

func (d distribution) buildName(build int) string {
	return fmt.Sprintf("set%d-package%05d", d.set(build*perBuild), build)
}

// pkg returns package i in a release.
func (d distribution) pkg(i, release int) rpm.Package {
	build, place := i/perBuild, i%perBuild
	r := rand.New(rand.NewPCG(uint64(i), 0))
	evr := rpm.EVR{Version: fmt.Sprintf("%d.%d", 1+build%7, build%13), Release: fmt.Sprint(release)}
	name := d.buildName(build)
	p := rpm.Package{
		NEVRA:     rpm.NEVRA{Name: name + suffixes[place], EVR: evr, Arch: d.arches[build%len(d.arches)]},
		BuildTime: built + int64(i),
		Text:      prose(r),
	}
	if place == 0 {
		p.Arch = "src"
		return p
	}
	p.SourceRPM = rpm.NEVRA{Name: name, EVR: evr, Arch: "src"}.FileName()
	p.Provides = []rpm.Dependency{{Name: p.Name, Sense: rpm.Equal, EVR: evr}}
	switch suffixes[place] {
	case "-debuginfo":
		return p
	case "-libs":
		for n := range 5 {
			p.Provides = append(p.Provides, rpm.Dependency{Name: soname(build, n)})
		}
	default:
		p.Requires = []rpm.Dependency{{Name: name + "-libs", Sense: rpm.Equal, EVR: evr}}
	}
	p.Requires = append(p.Requires, d.requires(build)...)
	p.Files = d.filesOf(p.Name)
	return p
}

// requires are on some of the builds before, on sonames, versions, files and
// alternatives.
func (d distribution) requires(build int) []rpm.Dependency {
	var needs []rpm.Dependency
	for n, back := range []int{1, 2, 3, 5, 8, 13} {
		b := build - back*len(d.arches)
		if b < 0 || d.set(b*perBuild) != d.set(build*perBuild) {
			break
		}
		name := d.buildName(b)
		needs = append(needs,
			rpm.Dependency{Name: soname(b, n%5)},
			[]rpm.Dependency{
				{Name: name},
				{Name: name + "-libs", Sense: rpm.Greater | rpm.Equal, EVR: rpm.EVR{Version: "0.1"}},
				{Name: "/usr/bin/" + name},
				{Name: "(" + name + " or " + name + "-compat)"},
				{Name: name + "-devel"},
				{Name: "(" + name + "-libs if " + name + ")"},
			}[n])
	}
	return needs
}

func soname(build, n int) string { return fmt.Sprintf("lib%d-%d.so.1()(64bit)", build, n) }

func (d distribution) filesOf(name string) []rpm.File {
	files := []rpm.File{{Path: "/usr/bin/" + name}}
	for n := 1; n < d.files; n++ {
		files = append(files, rpm.File{Path: fmt.Sprintf("/usr/share/%s/part%d/file-%04d.dat", name, n/8, n)})
	}
	return files
}

var words = strings.Fields(`a and by for from in into of on the to with archive buffer cache client
daemon decoder device driver editor engine filter font format graph handler image index interface kernel
language library manager module network object parser plugin printer protocol reader renderer request
scheduler server session shell socket storage stream system table terminal thread tool toolkit tree
utility vector viewer widget window writer`)

func sentence(r *rand.Rand, n int) string {
	s := make([]string, n)
	for i := range s {
		s[i] = words[r.IntN(len(words))]
	}
	return strings.Join(s, " ")
}

func prose(r *rand.Rand) rpm.Text {
	t := rpm.Text{
		Summary: sentence(r, 6), Description: sentence(r, 40), License: "MIT", URL: "https://example.org/" + sentence(r, 1),
		Group: "Unspecified", Vendor: "Example", Packager: "Example <packager@example.org>", BuildHost: "builder.example.org",
	}
	for n := range 4 {
		t.Changelog = append(t.Changelog, rpm.Change{
			Author: "Example <packager@example.org> - 1.0-1", Time: built - int64(n)*30*86400, Text: "- " + sentence(r, 10),
		})
	}
	return t
}

// write writes the package files of the distribution into a new folder, side by
// side.
func (d distribution) write(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	var group errgroup.Group
	group.SetLimit(2)
	const piece = 1000
	for from := 0; from < d.packages; from += piece {
		group.Go(func() error {
			for i := from; i < min(from+piece, d.packages); i++ {
				if err := d.writePackage(dir, i, 1); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// writePackage writes the file of package i in a release.
func (d distribution) writePackage(dir string, i, release int) error {
	p := d.pkg(i, release)
	s := rpm.Spec{Package: p, Compression: "none"}
	for _, f := range p.Files {
		s.Contents = append(s.Contents, rpm.Content{Path: f.Path, Mode: 0o100644, Data: []byte(p.Name), ModTime: built})
	}
	var b bytes.Buffer
	if err := rpm.Write(&b, &s); err != nil {
		return fmt.Errorf("%s: %w", p.NEVRA, err)
	}
	return os.WriteFile(filepath.Join(dir, p.FileName()), b.Bytes(), 0o666)
}
