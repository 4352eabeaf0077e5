package difference

import (
	"fmt"
	"strings"
)

// Markdown is a report for mails and trackers, in CommonMark with tables. Size writes
// bytes for people.
func (r *Report) Markdown(size func(int64) string) string {
	m := &markdown{size: size}
	m.printf("# %s → %s\n", code(r.Before.name()), code(r.After.name()))
	if r.IsEmpty() {
		m.printf("\nNothing changed.\n")
	}
	m.identity(r)
	m.summary(r)
	m.moves(r)
	for i := range r.Cells {
		m.cell(&r.Cells[i])
	}
	if len(r.Trees) > 0 {
		m.printf("\n## Trees\n")
	}
	paths, fields := sameTrees(r.Trees)
	for i := range paths {
		m.printf("\n`.treeinfo` of ")
		for j, path := range paths[i] {
			m.printf("%s%s", map[bool]string{true: ", "}[j > 0], code(path))
		}
		m.printf(":\n\n")
		m.fields("- ", fields[i])
	}
	m.changelogs(r)
	if len(r.Notes) > 0 {
		m.printf("\n## Notes\n\n")
	}
	for _, n := range r.Notes {
		m.printf("- %s\n", escape(n))
	}
	return m.b.String()
}

type markdown struct {
	b    strings.Builder
	size sizer
}

func (m *markdown) printf(format string, args ...any) { fmt.Fprintf(&m.b, format, args...) }

// code is text as it is, in a line. Nothing in it is markup; backticks would end it.
func code(text string) string {
	text = strings.NewReplacer("`", "'", "\n", " ", "|", "¦", " -> ", " → ").Replace(text)
	if text == "" {
		text = " "
	}
	return "`" + text + "`"
}

// escape is text in which nothing is markup.
func escape(text string) string {
	var b strings.Builder
	for _, r := range strings.ReplaceAll(text, " -> ", " → ") {
		switch {
		case r == '\n':
			r = ' '
		case strings.ContainsRune("\\`*_[]<>&|#~!", r):
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

func (m *markdown) fields(indent string, fields []Field) {
	for _, f := range fields {
		m.printf("%s%s\n", indent, fieldMarkdown(f))
	}
}

func fieldMarkdown(f Field) string {
	value := func(s string) string {
		if s == "" {
			return "none"
		}
		return code(s)
	}
	return fmt.Sprintf("%s: %s → %s", escape(f.Name), value(f.Before), value(f.After))
}

func (m *markdown) identity(r *Report) {
	first := true
	begin := func() {
		if first {
			m.printf("\n")
		}
		first = false
	}
	for _, f := range r.Fields {
		if !ownName[f.Name] {
			begin()
			m.printf("- %s\n", fieldMarkdown(f))
		}
	}
	for _, repo := range r.Repositories {
		begin()
		m.printf("- %s: %s\n", code(repo.Repository), escape(repo.Text))
	}
	for _, v := range r.Variants {
		begin()
		m.printf("- variant %s %s\n", code(v.Variant), v.Change)
		if v.Change == Changed {
			m.fields("  - ", v.Fields)
		}
	}
}

// summary is a table of the cells.
func (m *markdown) summary(r *Report) {
	if len(r.Cells) == 0 {
		return
	}
	m.printf("\n| | added | removed | up | down | changed | packages | images |\n")
	m.printf("|---|--:|--:|--:|--:|--:|--:|--:|\n")
	for i := range r.Cells {
		c, n := &r.Cells[i], r.Cells[i].Counts
		m.printf("| %s | %d | %d | %d | %d | %d | %s | %s |\n", escape(c.Cell.String()), n.Added, n.Removed, n.Up, n.Down, n.Changed,
			m.tableSize(c.Size.Packages), m.tableSize(c.Size.Images))
	}
	m.printf("| all | | | | | | %s | %s |\n", m.tableSize(r.Size.Packages), m.tableSize(r.Size.Images))
	if len(r.Growth) > 0 {
		m.printf("\nGrew most: ")
		for i, g := range r.Growth {
			if i > 0 {
				m.printf(", ")
			}
			m.printf("%s %s", code(g.Source), m.size.delta(g.Size))
		}
		m.printf("\n")
	}
}

func (m *markdown) tableSize(s Size) string {
	if s == (Size{}) {
		return ""
	}
	text := m.size(s.After)
	if d := m.size.delta(s); d != "" {
		text += " (" + d + ")"
	}
	return text
}

func (m *markdown) moves(r *Report) {
	if len(r.Moved)+len(r.MovedGroups) > 0 {
		m.printf("\n## Moved between variants\n\n")
	}
	for i := range r.Moved {
		v := &r.Moved[i]
		m.printf("- %s %s: %s → %s on %s (%s)\n", code(v.Source), code(versions(v.Before, v.After)), code(v.From), code(v.To), escape(v.Arch),
			escape(packageNames(v.Packages, Moved, v.Arch)))
	}
	for _, g := range r.MovedGroups {
		m.printf("- %s %s: %s → %s on %s\n", g.What, code(g.ID), code(g.From), code(g.To), escape(g.Arch))
	}
}

// headings of what happened to source packages.
var headings = map[Kind]string{
	Added: "Added", Removed: "Removed", Up: "Upgraded", Down: "Downgraded",
	Rebuilt: "Rebuilt, same version", Resigned: "Signed by another key", Changed: "Changed, same version",
}

func (m *markdown) cell(c *CellChange) {
	m.printf("\n## %s\n", escape(c.Cell.String()))
	for _, kind := range kinds {
		first := true
		for i := range c.Sources {
			s := &c.Sources[i]
			if s.Change != kind {
				continue
			}
			if first {
				m.printf("\n%s:\n\n", headings[kind])
				first = false
			}
			m.source(s, c.Arch)
		}
	}
	m.groups(&c.Groups)
	if len(c.Modules) > 0 {
		m.printf("\nModules:\n\n")
	}
	for _, mod := range c.Modules {
		m.printf("- %s %s\n", mod.Change, escape(moduleText(mod)))
	}
	if len(c.Images) > 0 {
		m.printf("\nImages:\n\n")
	}
	for _, i := range c.Images {
		m.printf("- %s %s\n", i.Change, escape(m.size.imageText(i)))
	}
}

func (m *markdown) source(s *SourceChange, arch string) {
	m.printf("- %s %s (%s)", code(s.Source), code(versions(s.Before, s.After)), escape(packageNames(s.Packages, s.Change, arch)))
	if k := keys(s.Packages); k != "" {
		m.printf(", %s", escape(k))
	}
	if d := m.size.delta(s.Size); d != "" {
		m.printf(" %s", d)
	}
	m.printf("\n")
}

func (m *markdown) groups(g *GroupChanges) {
	if g.isEmpty() {
		return
	}
	m.printf("\nGroups:\n\n")
	for _, e := range g.Environments {
		m.printf("- environment %s %s\n", e.Change, escape(groupText(e)))
	}
	for _, c := range g.Groups {
		m.printf("- group %s %s\n", c.Change, escape(groupText(c)))
	}
	for _, v := range g.Moved {
		m.printf("- %s moved from %s to %s\n", code(v.Package), code(v.From), code(v.To))
	}
}

func (m *markdown) changelogs(r *Report) {
	if len(r.Changelogs) > 0 {
		m.printf("\n## Changelogs\n")
	}
	for _, c := range r.Changelogs {
		m.printf("\n### %s %s\n", escape(c.Source), escape(versions(c.Before, c.After)))
		for _, e := range c.Entries {
			// Indented, it is code, and nothing in it is markup.
			m.printf("\n    %s %s\n", e.Date, strings.ReplaceAll(e.Author, "\n", " "))
			for _, line := range excerpt(e.Text) {
				m.printf("    %s\n", strings.TrimRight(line, " \r"))
			}
		}
		if c.More > 0 {
			m.printf("\nand %d older\n", c.More)
		}
	}
}
