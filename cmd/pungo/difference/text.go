package difference

import (
	"fmt"
	"strings"
)

// Line is a line of a report as text. Its Change, if it is about one, may give it a
// colour. Of the text control characters are not taken out, but for ends of lines.
type Line struct {
	Text   string
	Change Kind
}

// Lines are a report as text; size writes bytes for people.
func (r *Report) Lines(size func(int64) string) []Line {
	p := &printer{size: size}
	p.line("", "%s -> %s", r.Before.name(), r.After.name())
	if r.IsEmpty() {
		p.line("", "nothing changed")
	}
	p.identity(r)
	p.moves(r)
	for i := range r.Cells {
		p.cell(&r.Cells[i])
	}
	paths, fields := sameTrees(r.Trees)
	for i := range paths {
		p.line("", ".treeinfo of %s:", strings.Join(paths[i], ", "))
		for _, f := range fieldTexts(fields[i]) {
			p.line(Changed, "  %s", f)
		}
	}
	p.sizes(r)
	p.changelogs(r)
	for _, n := range r.Notes {
		p.line("", "note: %s", n)
	}
	return p.lines
}

// printer collects lines.
type printer struct {
	lines []Line
	size  sizer
}

func (p *printer) line(change Kind, format string, args ...any) {
	text := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " ")
	p.lines = append(p.lines, Line{strings.TrimRight(text, " "), change})
}

func (p *printer) identity(r *Report) {
	for _, f := range r.Fields {
		if !ownName[f.Name] {
			p.line(Changed, "  %s", fieldText(f))
		}
	}
	for _, repo := range r.Repositories {
		p.line(repo.Change, "%s: %s", repo.Repository, repo.Text)
	}
	for _, v := range r.Variants {
		p.line(v.Change, "variant %s %s", v.Variant, v.Change)
		if v.Change == Changed {
			for _, f := range fieldTexts(v.Fields) {
				p.line(Changed, "  %s", f)
			}
		}
	}
}

func (p *printer) moves(r *Report) {
	if len(r.Moved)+len(r.MovedGroups) > 0 {
		p.line("", "moved between variants:")
	}
	for _, m := range r.Moved {
		p.line(Moved, "  %s: %s -> %s on %s", m.text(), m.From, m.To, m.Arch)
	}
	for _, m := range r.MovedGroups {
		p.line(Moved, "  %s %s: %s -> %s on %s", m.What, m.ID, m.From, m.To, m.Arch)
	}
}

// text is "bash 1-1 -> 2-1 (bash, bash-doc)".
func (m *Move) text() string {
	return fmt.Sprintf("%s %s (%s)", m.Source, versions(m.Before, m.After), packageNames(m.Packages, Moved, m.Arch))
}

func (p *printer) cell(c *CellChange) {
	head := c.Cell.String() + ": " + countsText(c.Counts)
	if c.Size.Packages != (Size{}) {
		head += "; packages " + p.size.change(c.Size.Packages)
	}
	if c.Size.Images != (Size{}) {
		head += "; images " + p.size.change(c.Size.Images)
	}
	p.line("", "%s", head)
	for _, kind := range kinds {
		for i := range c.Sources {
			if s := &c.Sources[i]; s.Change == kind {
				p.line(kind, "  %-8s %s", kind, p.size.sourceText(s, c.Arch))
			}
		}
	}
	for _, list := range []struct {
		what   string
		groups []GroupChange
	}{{"environment", c.Groups.Environments}, {"group", c.Groups.Groups}} {
		for _, g := range list.groups {
			p.line(g.Change, "  %s %s %s", list.what, g.Change, groupText(g))
		}
	}
	for _, m := range c.Groups.Moved {
		p.line(Moved, "  group moved %s: %s -> %s", m.Package, m.From, m.To)
	}
	for _, m := range c.Modules {
		p.line(m.Change, "  module %s %s", m.Change, moduleText(m))
	}
	for _, i := range c.Images {
		p.line(i.Change, "  image %s %s", i.Change, p.size.imageText(i))
	}
}

// sourceText is "bash 5.1-1 -> 5.2-1 (bash, bash-doc; added bash-x) +12.3 kB".
func (size sizer) sourceText(s *SourceChange, arch string) string {
	text := fmt.Sprintf("%s %s (%s)", s.Source, versions(s.Before, s.After), packageNames(s.Packages, s.Change, arch))
	if k := keys(s.Packages); k != "" {
		text += ", " + k
	}
	if d := size.delta(s.Size); d != "" {
		text += " " + d
	}
	return text
}

func (p *printer) sizes(r *Report) {
	if len(r.Cells) == 0 {
		return
	}
	if r.Size.Packages != (Size{}) {
		p.line("", "packages of all: %s", p.size.change(r.Size.Packages))
	}
	if r.Size.Images != (Size{}) {
		p.line("", "images of all: %s", p.size.change(r.Size.Images))
	}
	if len(r.Growth) > 0 {
		p.line("", "grew most:")
	}
	for _, g := range r.Growth {
		p.line("", "  %-10s %s", p.size.delta(g.Size), g.Source)
	}
}

func (p *printer) changelogs(r *Report) {
	if len(r.Changelogs) > 0 {
		p.line("", "changelogs:")
	}
	for _, c := range r.Changelogs {
		p.line("", "  %s %s", c.Source, versions(c.Before, c.After))
		for _, e := range c.Entries {
			p.line("", "    %s %s", e.Date, e.Author)
			for _, line := range excerpt(e.Text) {
				p.line("", "      %s", line)
			}
		}
		if c.More > 0 {
			p.line("", "    and %d older", c.More)
		}
	}
}
