package debrpm

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/pungo-build/pungo/internal/rpm"
)

// ParseIndex reads an archive's Packages file: the control files of its packages,
// with an empty line between them.
func ParseIndex(text string) ([]*Control, error) {
	var list []*Control
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		if strings.TrimSpace(paragraph) == "" {
			continue
		}
		fields, err := parseFields(paragraph)
		if err != nil {
			return nil, fmt.Errorf("paragraph %d: %w", len(list)+1, err)
		}
		c := &Control{fields: fields}
		if err := c.identify(); err != nil {
			return nil, fmt.Errorf("paragraph %d: %w", len(list)+1, err)
		}
		list = append(list, c)
	}
	return list, nil
}

// Section is the package's section, without the area of the archive: "net".
func (c *Control) Section() string {
	section := c.fields["section"]
	return cmp.Or(section[strings.LastIndexByte(section, '/')+1:], "misc")
}

// Priority is the package's priority: required, important, standard, optional or extra.
func (c *Control) Priority() string { return cmp.Or(c.fields["priority"], "optional") }

// Describe is the package as far as its control file tells: who it is, and all that
// it says of other packages except Replaces, which is no Obsoletes.
func (c *Control) Describe() (rpm.Package, error) {
	p := rpm.Package{NEVRA: c.NEVRA, SourceRPM: c.Source.FileName(), Text: c.text()}
	for _, list := range []struct {
		of    *[]rpm.Dependency
		field string
	}{
		{&p.Requires, "Pre-Depends"}, {&p.Requires, "Depends"}, {&p.Provides, "Provides"},
		{&p.Recommends, "Recommends"}, {&p.Suggests, "Suggests"}, {&p.Enhances, "Enhances"},
		{&p.Conflicts, "Conflicts"}, {&p.Conflicts, "Breaks"},
	} {
		deps, err := parseRelations(c.fields[strings.ToLower(list.field)])
		if err != nil {
			return p, fmt.Errorf("%s %s: %s: %w", c.Name, c.EVR, list.field, err)
		}
		*list.of = append(*list.of, deps...)
	}
	for _, list := range []*[]rpm.Dependency{&p.Requires, &p.Provides, &p.Conflicts} {
		sortDependencies(list)
	}
	return p, nil
}
