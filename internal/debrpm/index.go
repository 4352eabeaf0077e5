package debrpm

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/pungo-build/pungo/internal/rpm"
)

// EachPackage reads an index of a Debian archive, a file "Packages", and calls visit
// with what each package would be as an RPM, as far as the index knows: names,
// versions and dependencies, and no files.
//
// It is a distribution's worth of real dependencies without a download.
func EachPackage(index io.Reader, visit func(*rpm.Package) error) error {
	r := bufio.NewReader(index)
	for {
		text, err := paragraph(r)
		if err != nil && err != io.EOF {
			return err
		}
		if text != "" {
			p, err := parseIndexed(text)
			if err != nil {
				return err
			}
			if err := visit(p); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
	}
}

// paragraph reads up to an empty line.
func paragraph(r *bufio.Reader) (string, error) {
	var b strings.Builder
	for {
		line, err := r.ReadString('\n')
		if strings.TrimSpace(line) == "" {
			return b.String(), err
		}
		b.WriteString(line)
		if err != nil {
			return b.String(), err
		}
	}
}

func parseIndexed(text string) (*rpm.Package, error) {
	fields, err := parseFields(text)
	if err != nil {
		return nil, err
	}
	c := &Control{fields: fields}
	if err := c.identify(); err != nil {
		return nil, fmt.Errorf("package %q: %w", fields["package"], err)
	}
	s := &rpm.Spec{Package: rpm.Package{NEVRA: c.NEVRA, SourceRPM: c.Source.FileName(), Text: c.text()}}
	if err := addRelations(s, c, false); err != nil {
		return nil, fmt.Errorf("package %q: %w", c.Name, err)
	}
	return &s.Package, nil
}
