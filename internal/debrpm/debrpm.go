// Package debrpm turns Debian packages into RPM packages, so that tests have
// real software to compose and install where no RPM distribution is at hand.
//
// A Debian package is an ar archive of three members:
//
//	debian-binary   control.tar.*                     data.tar.*
//	"2.0\n"         control, conffiles, postinst ...  the files
//
// Files, owners and times are kept. Names, versions and dependencies become what
// rpm means by them, and libraries get the dependencies that rpm's generators
// would find. Maintainer scripts are left out unless asked for. Packages come
// from strangers: sizes are bounded, paths are confined. Formats: deb(5),
// deb-control(5), deb-version(7).
package debrpm

import (
	"fmt"
	"io"
	"slices"

	"github.com/pungo-build/pungo/internal/rpm"
)

// Options say what a conversion keeps. The zero value keeps the files and what
// can be learnt from them.
type Options struct {
	// MapDepends translates Pre-Depends, Depends and Provides. What Debian takes
	// for granted is then said too: the package of the dynamic loader requires
	// base-files, which has the links that lead to the loader.
	MapDepends bool
	// Interpreter tells whether executables that begin with "#!PATH" are to
	// require PATH, as rpm's generator has it. Nil means that none are: the set
	// that a package is installed with may lack what Debian calls essential.
	Interpreter func(path string) bool
	// Scripts are the names of the packages whose maintainer scripts are kept.
	// They must be shell scripts, and content with few of dpkg's promises: they
	// see the arguments of a first installation, or of the last removal.
	Scripts []string
	// MaxSize bounds the unpacked files in bytes; 0 means 1 GiB.
	MaxSize int64
}

const defaultMaxSize = 1 << 30

// Convert reads a Debian package and describes the RPM that it becomes.
//
// The same bytes and options yield an equal Spec. Paths below /bin, /sbin, /lib*
// move to /usr, as on a system with merged /usr, and base-files gets the links;
// who had the old path of a program provides it. Hard links become copies.
func Convert(deb io.Reader, o Options) (*rpm.Spec, error) {
	if o.MaxSize <= 0 {
		o.MaxSize = defaultMaxSize
	}
	c, data, err := open(deb, o.MaxSize)
	if err != nil {
		return nil, err
	}
	s, err := convert(c, data, o)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", c.fields["package"], c.fields["version"], err)
	}
	return s, nil
}

func convert(c *Control, data []byte, o Options) (*rpm.Spec, error) {
	tree, err := readTree(data, c.conffiles(), o.MaxSize)
	if err != nil {
		return nil, err
	}
	if c.Name == filesystem {
		tree.addLinks(c.Time)
	}
	s := &rpm.Spec{Package: rpm.Package{
		NEVRA:     c.NEVRA,
		SourceRPM: c.Source.FileName(),
		BuildTime: tree.newest(c.Time),
		Text:      c.text(),
	}, Contents: tree.contents()}

	links := linksOf(s.Contents)
	s.Provides = append(tree.oldPaths(), links.provides...)
	s.Requires = append(interpreters(s.Contents, o.Interpreter), links.requires...)
	if o.MapDepends {
		if err := addRelations(s, c, links.loader); err != nil {
			return nil, err
		}
	}
	sortDependencies(&s.Provides)
	sortDependencies(&s.Requires)
	if slices.Contains(o.Scripts, c.Name) {
		if s.Scriptlets, err = c.scriptlets(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Source is the source package that the package of c comes from. It has one
// small file that names it: the sources themselves lie elsewhere.
func Source(c *Control) *rpm.Spec {
	text := c.text()
	text.Summary, text.Description = "Source of "+c.Source.Name, "Source of "+c.Source.Name+"."
	note := fmt.Sprintf("Source: %s\nVersion: %s\n", c.Source.Name, c.Source.EVR)
	return &rpm.Spec{
		Package:  rpm.Package{NEVRA: c.Source, BuildTime: c.Time, Text: text},
		Contents: []rpm.Content{{Path: c.Source.Name + ".dsc", Mode: 0o100644, Data: []byte(note), ModTime: c.Time}},
	}
}
